"""
The admin: feeds to edit, and facts to read.

Importing this package registers every page. Only feeds can be changed here;
sessions, reports and messages are facts about clients and are read-only.
"""

from feeds.admin.accounts import AccountAdmin, RoleAdmin
from feeds.admin.feeds import FeedAdmin
from feeds.admin.messages import ClientMessageAdmin
from feeds.admin.reports import BlockReportAdmin
from feeds.admin.sessions import ClientSessionAdmin

__all__ = [
    "AccountAdmin",
    "BlockReportAdmin",
    "ClientMessageAdmin",
    "ClientSessionAdmin",
    "FeedAdmin",
    "RoleAdmin",
]
