"""The migration that brings claims: ciphertext that whoever opens it first gets once."""

CLAIMS = """
CREATE TABLE claims (
  id text COLLATE "C" NOT NULL,
  owner_id text COLLATE "C" NOT NULL,
  session_id text COLLATE "C" NOT NULL,
  access bytea NOT NULL CHECK (length(access) = 32),
  digest bytea NOT NULL CHECK (length(digest) = 32),
  expires_at bigint NOT NULL,
  on_interception text NOT NULL,
  made_at bigint NOT NULL,
  state text NOT NULL,
  sealed bytea,
  claimant bytea,
  claimed_at bigint,
  claimed_from text,
  intercepted_at bigint,
  intercepted_from text,
  ended_at bigint,
  tree_id text COLLATE "C" NOT NULL,
  look_at bigint,
  PRIMARY KEY (owner_id, id)
);
CREATE INDEX claims_id ON claims (id);
CREATE INDEX claims_due ON claims (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX claims_unclaimed ON claims (owner_id, session_id) WHERE state = 'unclaimed';
"""
