"""The database: tables, migrations, encryption at rest, and repositories with small methods.

Implements the ports of `office/` and `calls/`. May not decide anything about
calls, rights or texts; SQL stays in here.
"""
