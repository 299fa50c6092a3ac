CREATE TABLE bmc_writers (
  serial text PRIMARY KEY,
  owner text NOT NULL,
  expires_at timestamp(3) with time zone NOT NULL
);
