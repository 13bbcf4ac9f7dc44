"""What allauth asks of us: where to go after each step, and how an e-mail is sent."""

from allauth.account.adapter import DefaultAccountAdapter


class AccountAdapter(DefaultAccountAdapter):
    pass
