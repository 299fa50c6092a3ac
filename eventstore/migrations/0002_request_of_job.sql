ALTER TABLE jobs RENAME COLUMN view TO details;
ALTER TABLE jobs ADD COLUMN request jsonb;
--> statement-breakpoint
UPDATE jobs SET request = jsonb_build_object('recipe', details -> 'recipe', 'warnings', details -> 'warnings'),
  details = details - '{recipe,warnings,jobId,serverSerial,taskTarget,status,outcome,cleanup,state,failedStep}'::text[];
--> statement-breakpoint
-- Every event of a job updates its row; room in the page keeps that out of the indexes.
ALTER TABLE jobs SET (fillfactor = 70);
