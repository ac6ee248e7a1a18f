"""What findings say to people: plain Chinese first, then English, in one place.

Keys are finding codes, with a variant after a slash where one code has several causes.
"""

from transcoder.report import Text

_SENTENCES: dict[str, tuple[str, str]] = {
    "continuity.gap_in_file": (
        "{what_zh}在 {start} 至 {end} 之间中断，缺 {value:.2f} 秒。",
        "{what_en} stops at {start} and resumes at {end}: {value:.2f} s are missing.",
    ),
    "continuity.timestamps/back": (
        "{what_zh}的时间戳从 {start} 起倒退（共 {count} 处，最多倒退 {value:.2f} 秒）。",
        "{what_en} time stamps jump back from {start} on ({count} times, by up to {value:.2f} s).",
    ),
    "continuity.timestamps/repeat": (
        "{what_zh}的时间戳从 {start} 起重复（共 {count} 处）。",
        "{what_en} time stamps repeat from {start} on ({count} times).",
    ),
    "continuity.timestamps/missing": (
        "在 {start} 至 {end} 之间缺少 {count} 帧画面，而时间戳没有中断：画面可能被删除后重新编排时间。",
        "Between {start} and {end}, {count} pictures are missing by the stream's own count while its time"
        " stamps run on: pictures may have been taken out and the time smoothed over.",
    ),
    "continuity.timestamps/missing_untimed": (
        "按编码自身的计数，缺少 {count} 帧画面。",
        "{count} pictures are missing by the stream's own count.",
    ),
    "continuity.timestamps/joint": (
        "在 {start} 处有拼接痕迹：关键帧的规律或编号、时间间隔在此中断。",
        "At {start} there are signs of a joint: the order of key frames, their numbering or the steps of time"
        " break there.",
    ),
    "continuity.timestamps/rhythm": (
        "关键帧的规律从 {start} 起中断（共 {count} 处），可能是场景变化，也可能是拼接。",
        "The rhythm of key frames breaks from {start} on ({count} times): changes of scene, or joints.",
    ),
    "continuity.timestamps/packets": (
        "在 {start} 附近缺少传输流数据包（至少 {count} 个）。",
        "Around {start} packets of the transport stream are missing (at least {count}).",
    ),
    "continuity.timestamps/pace": (
        "声音的时间戳与其实际长度相差 {value:.2f} 秒，可能缺失声音而时间被重新编排。",
        "The sound's time stamps and its samples differ by {value:.2f} s: sound may be missing with the time"
        " smoothed over.",
    ),
    "origin.software/program": (
        "文件带有非本型号执法记录仪的软件标记：{program}。可能经过编辑或转存。",
        "The file bears marks of software that is not the camera's: {program}. It may have been edited"
        " or copied.",
    ),
    "origin.software/library": (
        "文件由 {program} 写成。部分摄像机也使用该程序库，单凭此标记不能说明问题。",
        "The file was written with {program}. Some cameras use this library as well; alone it proves"
        " nothing.",
    ),
    "origin.parameters/set": (
        "{what_zh}在 {start} 处改变（{before} → {after}）：可能由不同来源拼接而成。",
        "The {what_en} change at {start} ({before} to {after}): the file may be joined from different"
        " sources.",
    ),
    "origin.parameters/encoder": (
        "编码器在 {start} 处重新开始：可能由多段编码拼接而成。",
        "The encoder starts anew at {start}: the file may be joined from several encodings.",
    ),
    "origin.parameters/description": (
        "文件中途改变编码说明（{count} 处）：可能由不同来源拼接而成。",
        "The description of the samples changes in mid-file ({count} times): it may be joined from different"
        " sources.",
    ),
    "origin.parameters/layout": (
        "文件中途出现新的音视频轨：可能由不同来源拼接而成。",
        "A track appears in mid-file that was not there before: the file may be joined from different"
        " sources.",
    ),
    "origin.edit_list": (
        "文件中有 {value:.2f} 秒音视频被编辑列表隐藏，播放时看不到。",
        "The file holds {value:.2f} s of media that its edit list hides: players do not show them.",
    ),
    "continuity.timestamps/jump": (
        "画面在 {start} 处突然跳变，而时间戳连续：可能有画面被删去。",
        "The picture jumps at {start} while its time stamps run on: pictures may have been taken out.",
    ),
    "continuity.truncated/index": (
        "文件被截断：索引写明到 {end}，实际数据只到 {start}。",
        "The file is cut: its index promises media up to {end}, the data end at {start}.",
    ),
    "continuity.truncated/empty": (
        "文件被截断：索引之后没有任何音视频数据。",
        "The file is cut: no media follow the index.",
    ),
    "continuity.truncated/claimed": (
        "文件比自身结构写明的长度短 {value:.0f} 字节，结尾可能缺失。",
        "The file is {value:.0f} bytes shorter than its own structure states; its end may be missing.",
    ),
    "continuity.truncated/no_index": (
        "文件没有索引，录像可能未正常结束。",
        "The file has no index: the recording was probably not finished properly.",
    ),
    "continuity.truncated/packet": (
        "文件在数据包中间结束。",
        "The file ends in the middle of a packet.",
    ),
    "continuity.truncated/zeros": (
        "文件从 {start} 起到结尾全为空数据（零字节），这部分没有录下。",
        "From {start} to its end the file holds nothing but zero bytes: that part was never written.",
    ),
    "continuity.stream_end": (
        "画面与声音的结束时间相差 {value:.2f} 秒。",
        "Picture and sound end {value:.2f} s apart.",
    ),
    "continuity.gap_between_files": (
        "与上一段录像之间间隔约 {value:.1f} 秒没有录像。",
        "About {value:.1f} s without recording since the file before.",
    ),
    "continuity.overlap": (
        "与上一段录像在时间上重叠约 {value:.1f} 秒。",
        "Overlaps the file before by about {value:.1f} s.",
    ),
    "picture.black": (
        "画面从 {start} 到 {end} 全黑（{value:.1f} 秒）。",
        "The picture is black from {start} to {end} ({value:.1f} s).",
    ),
    "picture.black/dark": (
        "画面从 {start} 到 {end} 很暗，但有图像噪点，不是黑屏（{value:.1f} 秒）。",
        "The picture is very dark from {start} to {end}, but not black: a sensor's noise is in it"
        " ({value:.1f} s).",
    ),
    "picture.covered": (
        "镜头从 {start} 到 {end} 可能被遮挡（{value:.1f} 秒），请人工查看。",
        "The lens seems covered from {start} to {end} ({value:.1f} s); a person should look.",
    ),
    "picture.frozen": (
        "画面从 {start} 到 {end} 静止不动，重复同一帧（{value:.1f} 秒）。",
        "The picture is frozen from {start} to {end}: one picture over and over ({value:.1f} s).",
    ),
    "picture.frozen/still": (
        "画面从 {start} 到 {end} 没有变化，应为静止场景（{value:.1f} 秒）。",
        "Nothing moves from {start} to {end}: a still scene, as far as can be seen ({value:.1f} s).",
    ),
    "picture.repeated": (
        "{start} 到 {end} 的画面此前已出现过（{value:.1f} 秒），可能是复制的片段。",
        "The picture from {start} to {end} was there before ({value:.1f} s): it may be a copy.",
    ),
    "origin.reencoded": (
        "画面可能被重新编码过：每隔 {count} 帧有一次较早压缩留下的痕迹。",
        "The picture seems to have been encoded twice: every {count} pictures there is a trace of an earlier"
        " compression.",
    ),
    "origin.reencoded/steps": (
        "画面可能被重新压缩过：图像系数带有另一套量化步长（约为现在的 {value:.2f} 倍）的痕迹。",
        "The picture seems to have been compressed twice: its coefficients bear traces of other quantisation"
        " steps (about {value:.2f} times those of now).",
    ),
    "origin.inserted": (
        "{start} 到 {end} 的画面与前后都不相同，而前后相同：可能是插入的片段。",
        "The picture from {start} to {end} is unlike what is before and after, and those are alike: it may"
        " have been inserted.",
    ),
    "origin.clock_text": (
        "画面上的时钟在 {start} 处从 {before} 跳到 {after}（约 {value:.0f} 秒），而录像连续："
        "可能被剪接，或时钟被调过。",
        "At {start} the clock in the picture jumps from {before} to {after} (about {value:.0f} s) while the"
        " recording runs on: it may have been cut, or the clock was set.",
    ),
    "origin.clock_text/back": (
        "画面上的时钟在 {start} 处从 {before} 倒退到 {after}（约 {value:.0f} 秒），而录像连续。",
        "At {start} the clock in the picture runs back from {before} to {after} (about {value:.0f} s) while"
        " the recording runs on.",
    ),
    "origin.inserted/file": (
        "该文件的画面或声音格式与前后文件都不相同，而前后文件相同：可能来自别处。",
        "This file's picture or sound is of another make than those before and after it, which are alike: it"
        " may come from elsewhere.",
    ),
    "picture.blurred": (
        "画面从 {start} 到 {end} 模糊，可能没有对焦（{value:.1f} 秒）。",
        "The picture is out of focus from {start} to {end} ({value:.1f} s).",
    ),
    "sound.silent": (
        "声音从 {start} 到 {end} 完全无声（数字静音，{value:.1f} 秒），麦克风可能失效或被关闭。",
        "The sound is dead from {start} to {end} (digital silence, {value:.1f} s): the microphone may have"
        " failed or been switched off.",
    ),
    "sound.silent/quiet": (
        "从 {start} 到 {end} 声音极轻，但不是数字静音（{value:.1f} 秒）。",
        "It is very quiet from {start} to {end}, but not digital silence ({value:.1f} s).",
    ),
    "sound.cut": (
        "声音在 {start} 处与画面同时突变：此处可能被剪接。",
        "At {start} the sound changes at the very moment at which the picture jumps: it may have been cut.",
    ),
    "sound.cut/phase": (
        "背景中持续的嗡声在 {start} 处相位突变，而画面连续：声音可能在此处被剪去或替换。",
        "At {start} a steady hum in the background breaks in its swing: sound may have been cut out or"
        " replaced there.",
    ),
    "sound.cut/background": (
        "背景声在 {start} 处瞬间整体改变：声音可能在此处被替换或剪接。",
        "At {start} the whole background of the sound changes from one moment to the next: sound may have"
        " been replaced or cut there.",
    ),
    "sound.clipped": (
        "声音从 {start} 到 {end} 过载失真（{value:.1f} 秒）。",
        "The sound is clipped from {start} to {end} ({value:.1f} s).",
    ),
    "continuity.sequence/missing": (
        "编号不连续，缺少 {numbers} 号（共 {value:.0f} 个）。请核对该段录像是否被删除。",
        "Numbers are missing before this file: {numbers} ({value:.0f} in all). Check whether they were"
        " deleted.",
    ),
    "continuity.sequence/reused": (
        "编号 {number} 被两个不同时间的文件使用。",
        "Number {number} is borne by two files of different times.",
    ),
    "continuity.clock/unset": (
        "记录仪时钟未设置（出厂日期），文件时间不可信；以接入采集站的时间为准。",
        "The camera's clock was never set (a factory date): its times say nothing; only the docking time"
        " is sure.",
    ),
    "continuity.clock/zone": (
        "文件内部时间与名称相差整 {hours} 小时：本地时间被标为世界时，或时区设置不同。",
        "The times inside are {hours} h off: local time stamped as UTC, or another time zone.",
    ),
    "continuity.clock/inside": (
        "文件名中的时间与文件内部时间相差 {value:.0f} 秒，无法相互印证，请人工核对。",
        "The name and the clock inside differ by {value:.0f} s and cannot be reconciled; a person should"
        " look.",
    ),
    "continuity.clock/file_time": (
        "文件系统记录的结束时间与录像相差 {value:.0f} 秒：文件可能被改动，或录制中校过时。",
        "The file system's time is {value:.0f} s off the recording's end, unlike the other files: the file"
        " was changed, or the clock was set during it.",
    ),
    "continuity.clock/early_end": (
        "按文件系统时间，文件在开始之前 {value:.0f} 秒就已结束，时间互相矛盾。",
        "By the file system's time the file was finished {value:.0f} s before it could be.",
    ),
    "continuity.clock/constant": (
        "各文件的时间来源始终相差约 {value:.0f} 秒（固定偏差）。",
        "The files' sources of time differ by about {value:.0f} s throughout (a constant offset).",
    ),
    "continuity.clock/drift": (
        "时钟逐渐漂移，约每天 {value:.0f} 秒。",
        "The clock drifts evenly, about {value:.0f} s a day.",
    ),
    "continuity.clock/short": (
        "录像时长始终比时钟短 {percent}%（各文件一致）：是计时偏差，不是丢失。",
        "The media run {percent} % short against the clock, the same in all files: a drift, no loss.",
    ),
    "continuity.clock/long": (
        "录像时长始终比时钟长 {percent}%（各文件一致）：是计时偏差。",
        "The media run {percent} % long against the clock, the same in all files: a drift.",
    ),
    "continuity.clock/set": (
        "按编号在后的文件，时间却早了至少 {value:.0f} 秒：期间时钟被调过，两段之间的间隔无法确定。",
        "By number this file comes later, by time at least {value:.0f} s earlier: the clock was set in"
        " between, and what lies between the two is not known.",
    ),
    "continuity.clock/older": (
        "该文件的时间早于编号在前的文件（至少 {value:.0f} 秒），与前后文件不符。",
        "This file is at least {value:.0f} s older than the one before it by number, unlike its neighbours.",
    ),
    "continuity.clock/newer": (
        "该文件的时间晚于编号在后的文件（至少 {value:.0f} 秒），与前后文件不符。",
        "This file is at least {value:.0f} s newer than the one after it by number, unlike its neighbours.",
    ),
    "continuity.clock/resumed": (
        "画面与编号在前的文件直接相接，而两者的时间不相接：期间时钟被调过。",
        "The picture goes straight on from the file before it by number, while their times do not join: the"
        " clock was set in between.",
    ),
    "continuity.clock/ahead": (
        "接入时记录仪时钟比采集站快至少 {value:.0f} 秒。",
        "When plugged in the camera's clock was ahead of the dock's by at least {value:.0f} s.",
    ),
    "continuity.clock/behind": (
        "接入时记录仪时钟比采集站慢至少 {value:.0f} 秒。",
        "When plugged in the camera's clock was behind the dock's by at least {value:.0f} s.",
    ),
    "continuity.selection/hole": (
        "缺少编号 {numbers}，且此处有约 {value:.0f} 秒没有录像：可能有录像被删除。",
        "Number {numbers} is missing where about {value:.0f} s are without recording: a file may have"
        " been deleted.",
    ),
    "continuity.selection/left": (
        "存储卡上列有的文件“{name}”没有收取到。请再次插入记录仪。",
        "The file “{name}” was listed on the card and did not arrive. Dock the camera again.",
    ),
    "continuity.selection/deleted": (
        "存储卡上有本班次已删除的录像 {value:.0f} 个（{megabytes} MB），如“{name}”。未作恢复。",
        "{value:.0f} recordings of this shift were deleted on the card ({megabytes} MB), like “{name}”;"
        " nothing was undeleted.",
    ),
    "continuity.selection/lost": (
        "存储卡上有 {megabytes} MB 不属于任何文件的数据，可能来自未正常结束的录像。",
        "{megabytes} MB on the card belong to no file: perhaps a recording that was not finished properly.",
    ),
    "file.unreadable": (
        "文件无法读取：{reason_zh}。请保留原件并交技术人员查看。",
        "The file cannot be read: {reason}. Keep the original and have it looked at.",
    ),
    "file.unreadable/changed": (
        "文件内容与收取时的校验值不一致，未作检查。请立即停用此副本并核对存储。",
        "The bytes are not those that were pulled (SHA-256 differs); not inspected. Stop using this copy and"
        " check the storage.",
    ),
    "file.unreadable/encrypted": (
        "内容已加密，没有密钥无法查看。",
        "The content is encrypted and cannot be looked at without its key.",
    ),
    "file.unreadable/no_media": (
        "文件中既没有画面也没有声音。",
        "The file holds neither picture nor sound.",
    ),
    "file.unreadable/photo": (
        "照片无法解码，图像数据缺失或损坏。",
        "The photograph does not decode: its picture data are missing or damaged.",
    ),
    "file.partial/zeros": (
        "文件中有 {bytes} 字节全为零，约在 {start} 至 {end}，这部分内容无法查看。",
        "{bytes} bytes are all zero, about {start} to {end}: that part cannot be seen.",
    ),
    "file.partial/zeros_untimed": (
        "文件中有 {bytes} 字节全为零，内容可能缺失。",
        "{bytes} bytes are all zero; content may be missing.",
    ),
    "file.partial/no_packets": (
        "文件中有 {bytes} 字节不是传输流数据包（约在 {start} 至 {end}）：数据已损坏，这部分内容无法查看。",
        "{bytes} bytes about {start} to {end} are no transport packets: they are damaged, and what they held"
        " cannot be seen.",
    ),
    "file.partial/key_frame": (
        "画面在 {start} 至 {end} 无法解码（{count} 个关键帧）。",
        "The picture from {start} to {end} does not decode ({count} key frames).",
    ),
    "file.partial/frames": (
        "画面在 {start} 至 {end} 有 {count} 帧无法解码。",
        "{count} pictures between {start} and {end} do not decode.",
    ),
    "file.partial/picture": (
        "画面无法解码：{reason}。",
        "The picture does not decode: {reason}.",
    ),
    "file.partial/no_picture": (
        "这段录像没有画面数据。",
        "The recording announces a picture but holds none.",
    ),
    "file.partial/no_decoder": (
        "{what_zh}的编码（{codec}）无法识别或解码。",
        "The codec of the {what_en} ({codec}) is not known or cannot be decoded.",
    ),
    "file.partial/recovered": (
        "借助同机录像 {sibling} 的编码参数，在没有索引的文件中找到 {count} 帧画面，"
        "估计约 {seconds} 秒。原件未作改动。",
        "With the codec parameters of {sibling}, {count} pictures were found in the file without an index,"
        " about {seconds} s by estimate. The original was not changed.",
    ),
    "file.partial/sibling": (
        "同机录像 {sibling} 的编码参数可用于恢复，但文件中没有找到画面。",
        "The codec parameters of {sibling} could serve to recover the file, but no picture was found in it.",
    ),
    "file.partial/stopped": (
        "读取在文件中途停止：{reason}。",
        "Reading stopped within the file: {reason}.",
    ),
    "file.partial/foreign": (
        "声音之后有 {bytes} 字节不是声音数据。",
        "After the sound stand {bytes} bytes that are no sound.",
    ),
    "file.partial/last_sound": (
        "声音的最后一个数据包不完整。",
        "The last packet of the sound is not whole.",
    ),
    "file.limits": (
        "检查未完成：{reason_zh}。文件本身不一定有问题，可稍后重新检查。",
        "The inspection did not finish: {reason}. The file itself may be fine; it can be inspected again.",
    ),
    "file.unverified": (
        "快速检查只读索引，未解码画面和声音。",
        "A fast inspection reads the index only; picture and sound were not decoded.",
    ),
    "notice.absent": (
        "开始后 {value:.0f} 秒内听到说话，但没有听到告知正在录音录像。",
        "Speech was heard in the first {value:.0f} s, but no notice that recording is on.",
    ),
    "notice.late": (
        "告知在开始后 {value:.0f} 秒才说出，超过规定的 {threshold:.0f} 秒。",
        "The notice came {value:.0f} s after the start, later than the {threshold:.0f} s allowed.",
    ),
    "notice.uncertain": (
        "可能有告知，但听不清，请人工复核。",
        "There may be a notice, but it could not be heard clearly; a person should listen.",
    ),
    "notice.no_speech": (
        "开始后 {value:.0f} 秒内没有听到人说话。",
        "No speech was heard in the first {value:.0f} s.",
    ),
    "notice.no_audio": (
        "录像没有声音，无法确认是否告知。",
        "The recording has no sound, so a notice cannot be confirmed.",
    ),
    "notice.unverified/depth": (
        "快速检查不听声音，告知尚未核对。",
        "A fast inspection does not listen; the notice has not been checked.",
    ),
    "notice.unverified/model": (
        "未安装语音模型，告知无法核对。",
        "No speech model is installed; the notice cannot be checked.",
    ),
    "notice.unverified/sound": (
        "声音无法解码，告知无法核对。",
        "The sound does not decode; the notice cannot be checked.",
    ),
    "notice.unverified/time": (
        "语音识别超出时间限制，告知未能核对完。",
        "Listening took longer than allowed; the notice was not checked to the end.",
    ),
    "notice.unverified/error": (
        "语音识别出错，告知无法核对：{reason}。可稍后重新检查。",
        "Listening failed, the notice could not be checked: {reason}. It can be inspected again.",
    ),
    "notice.unverified/unread": (
        "存储读取失败，告知无法核对：{reason}。可稍后重新检查。",
        "The sound could not be read, the notice was not checked: {reason}. It can be inspected again.",
    ),
    "notice.unverified/failed": (
        "检查未完成，告知未能核对。",
        "The inspection did not finish; the notice was not checked.",
    ),
}

WHAT = {
    "video": ("画面", "The picture"),
    "audio": ("声音", "The sound"),
    "both": ("画面和声音", "Picture and sound"),
}

_REASONS_ZH = {
    "the file is empty": "文件为空",
    "not a regular file": "不是普通文件",
    "not a media file of any kind known here": "不是音视频文件",
}


def sentence(key: str, **words: object) -> Text:
    """The sentence for a key; raises KeyError for a key or a word that is missing."""
    zh, en = _SENTENCES[key]
    return Text(zh=zh.format(**words), en=en.format(**words))


def reason_zh(reason: str) -> str:
    """A reason in Chinese where there is a sentence for it, else as it is."""
    if reason.startswith("no index (moov)"):
        return "没有索引（moov），录像未正常结束或只是其中一部分"
    return _REASONS_ZH.get(reason, f"无法识别或已损坏（{reason}）")


def clock(seconds: float | None) -> str:
    """Seconds as m:ss.s for people."""
    if seconds is None:
        return "?"
    sign = "-" if seconds < 0 else ""
    minutes, rest = divmod(abs(seconds), 60)
    return f"{sign}{int(minutes)}:{rest:04.1f}"
