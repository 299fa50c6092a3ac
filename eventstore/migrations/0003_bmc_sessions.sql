CREATE TABLE bmc_sessions (
  id uuid PRIMARY KEY,
  serial text NOT NULL,
  address text NOT NULL,
  path text,
  asked_at timestamp(3) with time zone NOT NULL,
  owner text,
  attempts integer DEFAULT 0 NOT NULL,
  expires_at timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX bmc_sessions_address ON bmc_sessions (address);
--> statement-breakpoint
CREATE INDEX bmc_sessions_expires ON bmc_sessions (expires_at);
--> statement-breakpoint
CREATE TABLE bmc_refusals (
  address text PRIMARY KEY,
  credentials_ref text NOT NULL,
  refusals integer NOT NULL
);
