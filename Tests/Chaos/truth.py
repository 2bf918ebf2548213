"""What must be true at the end, counted in the tables themselves and not taken from the product's views.

`INSTALL` puts a log beside the product's tables, written by triggers in the product's own transactions: what was rolled back
is not in it, what was written twice is in it twice.
"""

INSTALL = """
CREATE SCHEMA chaos;
-- One row a write of a document's results.
CREATE TABLE chaos.log (
    document_id bigint NOT NULL, daemon_id bigint, txid bigint NOT NULL DEFAULT txid_current(),
    at double precision NOT NULL DEFAULT extract(epoch FROM clock_timestamp()));
CREATE FUNCTION chaos.log_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO chaos.log (document_id, daemon_id) VALUES (NEW.document_id, NEW.daemon_id); RETURN NULL; END $$;
CREATE TRIGGER chaos_log AFTER INSERT OR UPDATE ON glossator.annotations FOR EACH ROW EXECUTE FUNCTION chaos.log_write();
-- One row a claim of a document that had been charged an attempt before.
CREATE TABLE chaos.charged (document_id bigint NOT NULL, attempts integer NOT NULL, daemon_id bigint);
CREATE FUNCTION chaos.log_charge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos.charged (document_id, attempts, daemon_id) VALUES (NEW.document_id, NEW.attempts, NEW.daemon_id);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_charge AFTER UPDATE ON glossator.spool FOR EACH ROW
    WHEN (NEW.lease IS NOT NULL AND NEW.lease IS DISTINCT FROM OLD.lease AND NEW.attempts > 1)
    EXECUTE FUNCTION chaos.log_charge();
-- A claim takes this long to write, so that there is a middle to hurt. Before the rows, so that their times are those of
-- the commit, nearly.
CREATE TABLE chaos.pace (seconds double precision NOT NULL);
INSERT INTO chaos.pace VALUES (0);
CREATE FUNCTION chaos.slowly() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(seconds) FROM chaos.pace WHERE seconds > 0; RETURN NULL; END $$;
CREATE TRIGGER chaos_slowly BEFORE INSERT ON glossator.annotations FOR EACH STATEMENT EXECUTE FUNCTION chaos.slowly();
"""

# Each returns one number; all but the first four must be 0.
COUNTS = {
    "documents": "SELECT count(*) FROM glossator.documents",
    "written": "SELECT count(*) FROM glossator.annotations",
    "failed": "SELECT count(*) FROM glossator.failures",
    "charged": "SELECT count(DISTINCT document_id) FROM chaos.charged",
    "lost": """SELECT count(*) FROM glossator.documents d
        WHERE NOT EXISTS (SELECT FROM glossator.annotations a WHERE a.document_id = d.id)
            AND NOT EXISTS (SELECT FROM glossator.failures f WHERE f.document_id = d.id)""",
    "both written and failed": "SELECT count(*) FROM glossator.annotations JOIN glossator.failures USING (document_id)",
    "doubled": "SELECT count(*) FROM (SELECT FROM chaos.log GROUP BY document_id HAVING count(*) > 1) AS twice",
    "written without a trace": """SELECT count(*) FROM glossator.annotations a
        WHERE NOT EXISTS (SELECT FROM chaos.log l WHERE l.document_id = a.document_id)""",
    "traces without a result": """SELECT count(*) FROM chaos.log l
        WHERE NOT EXISTS (SELECT FROM glossator.annotations a WHERE a.document_id = l.document_id)""",
    "embeddings wrong": """SELECT count(*) FROM (
        SELECT document_id FROM glossator.annotations a FULL JOIN glossator.embeddings e USING (document_id)
        GROUP BY document_id
        HAVING count(a.model_id) <> 1 OR count(e.segment) <> 1 OR max(e.segment) <> 0) AS wrong""",
    "labels wrong": """SELECT count(*) FROM (
        SELECT document_id FROM glossator.annotations a FULL JOIN glossator.labels l USING (document_id)
        GROUP BY document_id, a.model_id
        HAVING a.model_id IS NULL OR count(l.task) <> 1 OR bool_or(l.model_id <> a.model_id AND NOT EXISTS (
            -- Computed again from the stored embedding, which the rest of the document's results is not.
            SELECT FROM glossator.relabels r JOIN glossator.documents d USING (collection)
            WHERE d.id = document_id AND r.model_id = l.model_id AND r.relabelled > 0))) AS wrong""",
    "entities wrong": """SELECT count(*) FROM (
        SELECT e.document_id FROM glossator.entities e
        LEFT JOIN glossator.documents d ON d.id = e.document_id
        LEFT JOIN glossator.annotations a ON a.document_id = e.document_id
        GROUP BY e.document_id, e.task
        HAVING bool_or(a.model_id IS DISTINCT FROM e.model_id) OR max(e.ordinal) + 1 <> count(*)
            OR bool_or(e.surface IS DISTINCT FROM substr(d.body, e.start_char + 1, e.end_char - e.start_char))) AS wrong""",
    # Otherwise the line above says nothing.
    "no entity in any document": "SELECT (count(*) = 0)::integer FROM glossator.entities",
    "left in the spool": "SELECT count(*) FROM glossator.spool",
    "leases left": "SELECT count(*) FROM glossator.spool WHERE lease IS NOT NULL",
}

# Collections in which the view says something else than the tables; one statement, so one snapshot, at any moment.
PROGRESS_DIFFERS = """
SELECT coalesce(string_agg(format('%s: progress says total/queued/running/done/failed %s, the tables %s',
    c.name, to_jsonb(ARRAY[p.total, p.queued, p.running, p.done, p.failed]),
    to_jsonb(ARRAY[d.total, d.queued, d.running, d.done, d.failed])), '; '), '')
FROM glossator.collections c
LEFT JOIN glossator.progress p ON p.collection = c.name
CROSS JOIN LATERAL (
    SELECT count(*) AS total, count(*) FILTER (WHERE s.document_id IS NOT NULL AND s.lease IS NULL) AS queued,
        count(*) FILTER (WHERE s.lease IS NOT NULL) AS running,
        count(*) FILTER (WHERE s.document_id IS NULL AND f.document_id IS NULL) AS done,
        count(*) FILTER (WHERE s.document_id IS NULL AND f.document_id IS NOT NULL) AS failed
    FROM glossator.documents d
    LEFT JOIN glossator.spool s ON s.document_id = d.id
    LEFT JOIN glossator.failures f ON f.document_id = d.id
    WHERE d.collection = c.name
) AS d
WHERE (p.total, p.queued, p.running, p.done, p.failed)
    IS DISTINCT FROM (d.total, d.queued, d.running, d.done, d.failed)
"""


def count(place):
    """All counts, in one statement and so in one snapshot."""
    columns = ", ".join(f"({query})" for query in COUNTS.values())
    values = place.sql("SELECT " + columns).split("|")
    return dict(zip(COUNTS, map(int, values)))


def judge(place, counts, fed, expected_failures, allows_charges):
    """Everything that is wrong, in words; empty when nothing is.

    `expected_failures`: external ids to codes. `allows_charges`: a daemon died or was taken for dead, so the documents
    that it held may have been charged an attempt.
    """
    wrong = []
    if counts["documents"] != fed:
        wrong.append(f"{counts['documents']} documents instead of {fed}")
    for name in list(COUNTS)[4:]:
        if counts[name] != 0:
            wrong.append(f"{name}: {counts[name]}")
    if counts["written"] != fed - len(expected_failures):
        wrong.append(f"{counts['written']} documents written instead of {fed - len(expected_failures)}")
    rows = place.sql("SELECT d.external_id, f.code FROM glossator.failures f JOIN glossator.documents d ON d.id = f.document_id")
    failures = dict(row.split("|") for row in rows.splitlines())
    if failures != expected_failures:
        wrong.append(f"failures are {failures} instead of {expected_failures}")
    if counts["charged"] and not allows_charges:
        wrong.append(f"{counts['charged']} documents were charged an attempt for nothing")
    if differs := place.sql(PROGRESS_DIFFERS):
        wrong.append(differs)
    return wrong


def recoveries(place, healed):
    """Seconds from each end of a fault to the next document that was written after it; ends that nothing followed,
    because all work was done, are left out. Only where the server's clock is this machine's."""
    if not healed:
        return []
    moments = ", ".join(f"({moment:.6f}::double precision)" for moment in healed)
    rows = place.sql(f"""SELECT (SELECT min(at) FROM chaos.log WHERE at > moment) - moment
        FROM (VALUES {moments}) AS ends (moment)""")
    return [float(row) for row in rows.splitlines() if row]
