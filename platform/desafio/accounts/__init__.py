"""Accounts: sign up, verify, log in, profile and consents."""
