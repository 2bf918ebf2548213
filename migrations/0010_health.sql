-- What an operator looks at when the queue does not move. Locks nothing that existed before.

CREATE VIEW glossator.queue_health AS
SELECT work.queued, work.running, work.oldest_ready, work.failed,
    (SELECT count(*) FROM glossator.daemons d WHERE d.stopped_at IS NULL AND d.beat_at > now() - interval '45 seconds') AS daemons,
    (SELECT count(*) FROM glossator.daemons d WHERE d.stopped_at IS NULL AND d.beat_at <= now() - interval '45 seconds'
        AND d.beat_at > now() - interval '1 day') AS silent_daemons,
    (SELECT coalesce(array_agg(DISTINCT m.name ORDER BY m.name), '{}')
        FROM glossator.daemons d JOIN glossator.models m ON m.id = ANY (d.models)
        WHERE d.stopped_at IS NULL AND d.beat_at > now() - interval '45 seconds') AS models,
    (SELECT coalesce(array_agg(DISTINCT d.state ORDER BY d.state), '{}') FROM glossator.daemons d
        WHERE d.stopped_at IS NULL AND d.beat_at > now() - interval '45 seconds') AS states,
    spool.n_live_tup AS live_tuples, spool.n_dead_tup AS dead_tuples,
    greatest(spool.last_vacuum, spool.last_autovacuum) AS last_vacuum,
    pg_total_relation_size('glossator.spool') AS spool_bytes,
    (SELECT count(*) FROM glossator.tallies) AS tallies,
    oldest.transaction AS oldest_transaction, oldest.pid AS oldest_transaction_pid,
    (SELECT max(age(h.xmin)) FROM (
        SELECT a.backend_xmin AS xmin FROM pg_stat_activity a WHERE a.backend_xmin IS NOT NULL
        UNION ALL SELECT r.xmin FROM pg_replication_slots r WHERE r.xmin IS NOT NULL
        UNION ALL SELECT r.catalog_xmin FROM pg_replication_slots r WHERE r.catalog_xmin IS NOT NULL
        UNION ALL SELECT p.transaction FROM pg_prepared_xacts p
    ) h) AS held_transactions
FROM pg_stat_all_tables spool
CROSS JOIN LATERAL (
    SELECT coalesce(sum(p.queued), 0)::bigint AS queued, coalesce(sum(p.running), 0)::bigint AS running,
        coalesce(sum(p.failed), 0)::bigint AS failed,
        max(p.oldest) FILTER (WHERE NOT f.paused AND f.model_id IS NOT NULL) AS oldest_ready
    FROM glossator.progress p JOIN glossator.model_in_force f USING (collection)
) work
LEFT JOIN LATERAL (
    SELECT now() - a.xact_start AS transaction, a.pid FROM pg_stat_activity a
    WHERE a.xact_start IS NOT NULL AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
        AND a.datname = current_database()
    ORDER BY a.xact_start LIMIT 1
) oldest ON true
WHERE spool.relid = 'glossator.spool'::regclass;

COMMENT ON VIEW glossator.queue_health IS 'One row: what waits, who works, and what keeps the database from cleaning up behind them.';
COMMENT ON COLUMN glossator.queue_health.queued IS 'Documents that wait.';
COMMENT ON COLUMN glossator.queue_health.running IS 'Documents that daemons hold.';
COMMENT ON COLUMN glossator.queue_health.oldest_ready IS 'For how long the next document of a collection that may run has been waiting; null when none does.';
COMMENT ON COLUMN glossator.queue_health.failed IS 'Documents that were given up.';
COMMENT ON COLUMN glossator.queue_health.daemons IS 'Daemons that beat.';
COMMENT ON COLUMN glossator.queue_health.silent_daemons IS 'Daemons that ended within a day without saying goodbye.';
COMMENT ON COLUMN glossator.queue_health.models IS 'Models that daemons have in memory.';
COMMENT ON COLUMN glossator.queue_health.states IS 'What daemons say of themselves: working, idle, paused and why.';
COMMENT ON COLUMN glossator.queue_health.live_tuples IS 'Rows of the spool, by the server''s statistics.';
COMMENT ON COLUMN glossator.queue_health.dead_tuples IS 'Rows of the spool that died and were not vacuumed yet. Tens of thousands: something holds them.';
COMMENT ON COLUMN glossator.queue_health.last_vacuum IS 'When the spool was vacuumed last.';
COMMENT ON COLUMN glossator.queue_health.spool_bytes IS 'Bytes of the spool with its indexes.';
COMMENT ON COLUMN glossator.queue_health.tallies IS 'Rows that glossator.progress has to add up.';
COMMENT ON COLUMN glossator.queue_health.oldest_transaction IS 'Age of the oldest transaction of this database; long ones keep dead rows. Needs pg_monitor to see those of other roles.';
COMMENT ON COLUMN glossator.queue_health.oldest_transaction_pid IS 'Its server process: SELECT pg_terminate_backend(pid) ends it.';
COMMENT ON COLUMN glossator.queue_health.held_transactions IS 'How many transactions began since the oldest snapshot that anybody holds, replication slots and prepared transactions included.';
