CREATE TABLE bmc_recordings (
  serial text PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  started_at timestamp(3) with time zone NOT NULL,
  started_by text NOT NULL,
  lost integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE bmc_exchanges (
  recording uuid NOT NULL REFERENCES bmc_recordings (id) ON DELETE CASCADE,
  controller text NOT NULL,
  number integer NOT NULL,
  ended_at timestamp(3) with time zone NOT NULL,
  exchange text NOT NULL,
  PRIMARY KEY (recording, controller, number)
);
