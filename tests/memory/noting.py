"""Two notes about a firm, and short ways to see what is kept and found of them."""

from __future__ import annotations

from memento_memory.bank import CaseBank

OPERATIONS = """\
# Web shop

The shop runs as three containers behind a load balancer.

## Rollback

When a release misbehaves, run `shopctl restore --previous` and tell the on-call engineer. Never delete the old image.

## Certificates

The TLS certificates are renewed on the first of the month by `certbot`; reload nginx afterwards.
"""
ACCOUNTING = """\
# Invoices

Invoices above 10,000 EUR need a second signature of the head of finance before they are paid.

# Travel

Hotel bills are refunded up to 140 EUR a night; keep the receipt.
"""


def rows(bank: CaseBank, sql: str) -> list[tuple]:
    with bank.database.reading() as db:
        return db.execute(sql).fetchall()


def headings(found) -> list[str]:
    return [passage.heading for passage in found]
