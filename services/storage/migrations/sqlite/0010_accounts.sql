-- People; body = encoded sla.storage.v1.StoredAccount. name_key is the name in lower case: names differ by more than case.
CREATE TABLE sla_account (
  id TEXT PRIMARY KEY,
  name_key TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Sessions, service tokens and invitations by the SHA-256 of their secret; body = encoded sla.storage.v1.StoredToken.
CREATE TABLE sla_token (
  hash BLOB PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  account_id TEXT NOT NULL,
  until_ms INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Who changed what; body = encoded sla.account.v1.AuditEntry. Rows are added and never touched again.
CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX audit_at ON audit (at_ms, id);
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN
  SELECT RAISE(ABORT, 'the audit log is only added to');
END;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit BEGIN
  SELECT RAISE(ABORT, 'the audit log is only added to');
END;
