CREATE TABLE job_requests (
  job_id uuid PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
  retry_of uuid,
  idempotency_key_sha256 text,
  request_sha256 text,
  recipe jsonb NOT NULL,
  warnings jsonb NOT NULL
);
CREATE UNIQUE INDEX job_requests_idempotency_key ON job_requests (idempotency_key_sha256);
--> statement-breakpoint
INSERT INTO job_requests
  SELECT id, retry_of, idempotency_key_sha256, request_sha256, request -> 'recipe', request -> 'warnings' FROM jobs;
--> statement-breakpoint
-- Views of version 0 have only the members that lists and sweeps go by; the controller makes them anew from the log.
ALTER TABLE jobs RENAME COLUMN details TO view;
ALTER TABLE jobs ADD COLUMN view_version integer;
ALTER TABLE servers ADD COLUMN view_version integer;
--> statement-breakpoint
UPDATE jobs SET view_version = 0, view = jsonb_build_object('server_serial', server_serial, 'task_target', task_target,
  'status', status, 'outcome', outcome, 'state', state);
UPDATE servers SET view_version = 0, view = jsonb_build_object('status', status, 'state', view -> 'state',
  'labels', view -> 'labels', 'active_job', job_id);
--> statement-breakpoint
ALTER TABLE jobs DROP COLUMN server_serial, DROP COLUMN task_target, DROP COLUMN status, DROP COLUMN outcome,
  DROP COLUMN cleanup, DROP COLUMN state, DROP COLUMN failed_step, DROP COLUMN retry_of,
  DROP COLUMN idempotency_key_sha256, DROP COLUMN request_sha256, DROP COLUMN request;
ALTER TABLE servers DROP COLUMN status, DROP COLUMN job_id;
--> statement-breakpoint
ALTER TABLE jobs ALTER COLUMN view_version SET NOT NULL,
  ADD COLUMN server_serial text NOT NULL GENERATED ALWAYS AS (view ->> 'server_serial') STORED,
  ADD COLUMN task_target text NOT NULL GENERATED ALWAYS AS (view ->> 'task_target') STORED,
  ADD COLUMN status text NOT NULL GENERATED ALWAYS AS (view ->> 'status') STORED,
  ADD COLUMN outcome text GENERATED ALWAYS AS (view ->> 'outcome') STORED;
ALTER TABLE servers ALTER COLUMN view_version SET NOT NULL,
  ADD COLUMN status text NOT NULL GENERATED ALWAYS AS (view ->> 'status') STORED,
  ADD COLUMN job_id uuid GENERATED ALWAYS AS ((view ->> 'active_job')::uuid) STORED;
--> statement-breakpoint
CREATE INDEX jobs_server ON jobs (server_serial, created_at DESC);
