-- Removing an archived history. The log stays append-only but for one way: `remove_archived_stream`, which belongs to a role
-- of its own, checks what it is told, and leaves a tombstone in the same transaction (tombstones.ts).
CREATE TABLE tombstones (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  stream text NOT NULL UNIQUE CHECK (stream LIKE 'job-_%'),
  last_version integer NOT NULL CHECK (last_version > 0),
  head_hash text NOT NULL,
  archive_sha256 text NOT NULL CHECK (archive_sha256 ~ '^[0-9a-f]{64}$'),
  removed_at timestamp(3) with time zone NOT NULL,
  removed_by text NOT NULL,
  reason text NOT NULL,
  key_id text NOT NULL,
  signature text NOT NULL
);
--> statement-breakpoint
CREATE FUNCTION refuse_change_of_tombstones() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'tombstones are for ever: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
--> statement-breakpoint
CREATE TRIGGER tombstones_stay BEFORE UPDATE OR DELETE ON tombstones
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_tombstones();
--> statement-breakpoint
CREATE TRIGGER tombstones_no_truncate BEFORE TRUNCATE ON tombstones
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_tombstones();
--> statement-breakpoint
CREATE FUNCTION remove_archived_stream(removed_stream text, archived_version integer, archived_hash text, archive text,
  signed_at timestamp with time zone, signed_by text, why text, signing_key text, signed text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '10s' AS $$
DECLARE
  head record;
  kept bigint;
  job text := substr(removed_stream, 5);
BEGIN
  -- Waits for appends that are under way and holds up new ones, so that nothing is appended to what is being removed. It
  -- also lets removals commit one after the other, hence in the order of their positions.
  LOCK TABLE events IN SHARE ROW EXCLUSIVE MODE;
  SELECT e.xid, e.position, e.version, e.hash, e.state_to INTO head
    FROM events e WHERE e.stream = removed_stream ORDER BY e.version DESC LIMIT 1;
  IF head.version IS NULL OR removed_stream NOT LIKE 'job-_%' THEN
    RAISE EXCEPTION '% is no job with a history', removed_stream USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  IF head.state_to <> 'complete'
    OR EXISTS (SELECT FROM effects e WHERE e.stream = removed_stream)
    OR EXISTS (SELECT FROM deadlines d WHERE d.stream = removed_stream)
    OR EXISTS (SELECT FROM servers s WHERE s.job_id::text = job) THEN
    RAISE EXCEPTION '% is not closed', removed_stream USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  SELECT count(*) INTO kept FROM events e WHERE e.stream = removed_stream;
  IF head.version <> archived_version OR head.hash <> archived_hash OR kept <> archived_version THEN
    RAISE EXCEPTION '% is not what was archived', removed_stream USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  IF (SELECT bool_and((c.xid, c.position) >= (head.xid, head.position)) FROM checkpoints c WHERE c.name LIKE 'nats/%')
    IS NOT TRUE THEN
    RAISE EXCEPTION '% is not published yet', removed_stream USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  IF abs(extract(epoch FROM clock_timestamp() - signed_at)) > 600 THEN
    RAISE EXCEPTION 'the tombstone of % was signed at another time', removed_stream
      USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  INSERT INTO tombstones (stream, last_version, head_hash, archive_sha256, removed_at, removed_by, reason, key_id, signature)
    VALUES (removed_stream, head.version, head.hash, archive, signed_at, signed_by, why, signing_key, signed);
  DELETE FROM events e WHERE e.stream = removed_stream;
  DELETE FROM snapshots s WHERE s.stream = removed_stream;
  DELETE FROM jobs j WHERE j.id::text = job;
  DELETE FROM sealed s WHERE s.ref = 'recipe/' || job;
END $$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION remove_archived_stream(text, integer, text, text, timestamp with time zone, text, text, text, text) FROM PUBLIC;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION refuse_change_of_the_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    -- Only within remove_archived_stream, whose owner nobody works as, and only what has its tombstone in this transaction.
    IF (SELECT pg_get_userbyid(proowner) = current_user FROM pg_proc WHERE oid = to_regproc('public.remove_archived_stream'))
      AND EXISTS (SELECT FROM public.tombstones t WHERE t.stream = OLD.stream AND t.xid = pg_current_xact_id()
        AND t.last_version >= OLD.version) THEN
      RETURN OLD;
    END IF;
  END IF;
  RAISE EXCEPTION 'the event log is append-only: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
