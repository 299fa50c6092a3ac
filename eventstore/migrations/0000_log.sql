CREATE TABLE events (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  id uuid NOT NULL UNIQUE,
  stream text NOT NULL CHECK (stream LIKE 'job-_%' OR stream LIKE 'server-_%'),
  version integer NOT NULL CHECK (version > 0),
  type text NOT NULL,
  schema_version integer NOT NULL,
  data jsonb NOT NULL,
  state_from text,
  state_to text NOT NULL,
  machine text NOT NULL,
  machine_version text NOT NULL,
  at timestamp(3) with time zone NOT NULL,
  actor text NOT NULL,
  causation_id text,
  correlation_id text,
  trace text,
  prev_hash text,
  hash text NOT NULL
);
CREATE UNIQUE INDEX events_stream_version ON events (stream, version);
CREATE INDEX events_tail ON events (xid, position);
--> statement-breakpoint
CREATE FUNCTION refuse_change_of_the_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the event log is append-only: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
--> statement-breakpoint
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_the_log();
--> statement-breakpoint
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON events
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_the_log();
--> statement-breakpoint
CREATE TABLE effects (
  id text PRIMARY KEY,
  stream text NOT NULL,
  version integer NOT NULL,
  key text NOT NULL,
  src text NOT NULL,
  input jsonb NOT NULL,
  asked_at timestamp(3) with time zone NOT NULL,
  available_at timestamp(3) with time zone NOT NULL,
  owner text,
  epoch integer NOT NULL DEFAULT 0,
  expires_at timestamp(3) with time zone
);
CREATE UNIQUE INDEX effects_stream_key ON effects (stream, key);
CREATE INDEX effects_available ON effects (available_at);
--> statement-breakpoint
CREATE TABLE deadlines (
  stream text NOT NULL,
  name text NOT NULL,
  due_at timestamp(3) with time zone NOT NULL,
  PRIMARY KEY (stream, name)
);
CREATE INDEX deadlines_due ON deadlines (due_at);
--> statement-breakpoint
CREATE TABLE snapshots (
  stream text PRIMARY KEY,
  version integer NOT NULL,
  machine_version text NOT NULL,
  state jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE jobs (
  id uuid PRIMARY KEY,
  server_serial text NOT NULL,
  task_target text NOT NULL,
  status text NOT NULL,
  outcome text,
  cleanup text NOT NULL,
  state text NOT NULL,
  failed_step text,
  created_at timestamp(3) with time zone NOT NULL,
  updated_at timestamp(3) with time zone NOT NULL,
  version integer NOT NULL,
  retry_of uuid,
  idempotency_key_sha256 text,
  request_sha256 text,
  view jsonb NOT NULL
);
CREATE INDEX jobs_created ON jobs (created_at DESC, id DESC);
CREATE INDEX jobs_server ON jobs (server_serial, created_at DESC);
CREATE UNIQUE INDEX jobs_idempotency_key ON jobs (idempotency_key_sha256);
--> statement-breakpoint
CREATE TABLE servers (
  serial text PRIMARY KEY,
  status text NOT NULL,
  job_id uuid,
  registered_at timestamp(3) with time zone NOT NULL,
  updated_at timestamp(3) with time zone NOT NULL,
  version integer NOT NULL,
  view jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE checkpoints (
  name text PRIMARY KEY,
  xid xid8 NOT NULL,
  position bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE sealed (
  ref text PRIMARY KEY,
  key_id text NOT NULL,
  nonce bytea NOT NULL,
  ciphertext bytea NOT NULL,
  created_at timestamp(3) with time zone NOT NULL DEFAULT now()
);
