"""The reference central platform: receives, verifies, keeps, signs receipts."""
