"""The migration that brings allotments: the accounts on Solana that owners keep for their sessions."""

ALLOTMENTS = """
CREATE TABLE allotments (
  owner_id text COLLATE "C" NOT NULL,
  session_id text COLLATE "C" NOT NULL,
  tree_id text COLLATE "C" NOT NULL,
  chain_id bigint NOT NULL,
  owner text NOT NULL,
  account text NOT NULL,
  mint text NOT NULL,
  units text NOT NULL,
  revocation bytea NOT NULL,
  made_at bigint NOT NULL,
  look_at bigint NOT NULL,
  seen text,
  is_dead integer NOT NULL,
  ended_at bigint,
  slot bigint,
  signature text,
  lateness bigint,
  PRIMARY KEY (owner_id, session_id)
);
CREATE INDEX allotments_session ON allotments (session_id);
CREATE INDEX allotments_due ON allotments (chain_id, look_at) WHERE ended_at IS NULL;
CREATE INDEX allotments_tree ON allotments (owner_id, tree_id) WHERE ended_at IS NULL;
"""
