"""The MQTT side: messages, signing, connection, file transfer."""
