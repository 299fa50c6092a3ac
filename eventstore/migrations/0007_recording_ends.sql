ALTER TABLE bmc_recordings ADD COLUMN ended_reason text;
