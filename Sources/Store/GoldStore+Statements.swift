extension GoldStore {
    static let insertLabels = Statement(
        "gold_labels_insert",
        """
        INSERT INTO glossator.gold_labels (document_id, task, label, annotator, source)
        SELECT n.document_id, n.task, n.label, coalesce($4::text, current_user), $5::text
        FROM unnest($1::bigint[], $2::text[], $3::text[]) WITH ORDINALITY AS n (document_id, task, label, place)
        LEFT JOIN LATERAL (
            SELECT g.label FROM glossator.gold_labels g
            WHERE g.document_id = n.document_id AND g.task = n.task AND g.annotator = coalesce($4::text, current_user)
            ORDER BY g.id DESC LIMIT 1
        ) AS o ON true
        WHERE o.label IS DISTINCT FROM n.label
        ORDER BY n.place
        """)

    static let insertEntities = Statement(
        "gold_entities_insert",
        """
        INSERT INTO glossator.gold_entities (document_id, task, type, start_char, end_char, annotator, source)
        SELECT n.document_id, n.task, n.type, n.start_char, n.end_char, coalesce($6::text, current_user), $7::text
        FROM unnest($1::bigint[], $2::text[], $3::text[], $4::integer[], $5::integer[]) WITH ORDINALITY
            AS n (document_id, task, type, start_char, end_char, place)
        WHERE NOT EXISTS (
            SELECT FROM glossator.gold_entities e
            WHERE e.document_id = n.document_id AND e.task = n.task AND e.type = n.type
                AND e.start_char = n.start_char AND e.end_char = n.end_char
                AND e.annotator = coalesce($6::text, current_user) AND e.retracted_at IS NULL
        )
        ORDER BY n.place
        """)

    static let insertComplete = Statement(
        "gold_complete_insert",
        """
        INSERT INTO glossator.gold_complete (document_id, task, annotator)
        SELECT DISTINCT document_id, task, coalesce($3::text, current_user)
        FROM unnest($1::bigint[], $2::text[]) AS n (document_id, task)
        ON CONFLICT (document_id, task, annotator) DO NOTHING
        """)

    static let overlapping = Statement(
        "gold_overlapping",
        """
        SELECT n.place::integer
        FROM unnest($1::bigint[], $2::text[], $3::text[], $4::integer[], $5::integer[])
            WITH ORDINALITY AS n (document_id, task, type, start_char, end_char, place)
        WHERE EXISTS (
            SELECT FROM glossator.gold_entities e
            WHERE e.document_id = n.document_id AND e.task = n.task
                AND e.annotator = coalesce($6::text, current_user) AND e.retracted_at IS NULL
                AND e.start_char < n.end_char AND n.start_char < e.end_char
                AND (e.type, e.start_char, e.end_char) IS DISTINCT FROM (n.type, n.start_char, n.end_char))
        ORDER BY n.place
        """)

    static let declared = Statement(
        "gold_declared",
        """
        SELECT coalesce((
            SELECT jsonb_object_agg(g.task, g.labels) FROM (
                SELECT task, jsonb_agg(label) AS labels FROM glossator.gold_declared
                WHERE collection = $1::text GROUP BY task
            ) AS g
        ), '{}')
        FROM glossator.gold_policies WHERE collection = $1::text AND NOT accepts_new
        """)

    /// Ids of any collection: each of the three is an index's next few.
    static let markedIDs = Statement(
        "gold_marked_ids",
        """
        (SELECT DISTINCT document_id FROM glossator.gold_labels
            WHERE document_id > $1::bigint ORDER BY document_id LIMIT $2::integer)
        UNION
        (SELECT DISTINCT document_id FROM glossator.gold_entities
            WHERE document_id > $1::bigint AND retracted_at IS NULL ORDER BY document_id LIMIT $2::integer)
        UNION
        (SELECT DISTINCT document_id FROM glossator.gold_complete
            WHERE document_id > $1::bigint ORDER BY document_id LIMIT $2::integer)
        ORDER BY document_id LIMIT $2::integer
        """)

    static let page = Statement(
        "gold_page",
        """
        WITH page AS MATERIALIZED (
            SELECT d.id, d.body, d.body_sha256 FROM glossator.documents d
            WHERE d.collection = $1::text AND d.id = ANY ($2::bigint[])
        ), lineage AS MATERIALIZED (
            SELECT training_run_id FROM glossator.lineage($1::text)
        )
        SELECT p.id, p.body, p.body_sha256, coalesce(e.spans, '[]'), coalesce(s.said, '[]')
        FROM page p
        LEFT JOIN LATERAL (
            SELECT jsonb_agg(jsonb_build_object('task', g.task, 'type', g.type, 'start', g.start_char, 'end', g.end_char)
                ORDER BY g.task, g.start_char) AS spans
            FROM glossator.gold_current_entities g WHERE g.document_id = p.id
        ) e ON true
        LEFT JOIN LATERAL (
            SELECT jsonb_agg(jsonb_build_object(
                'task', g.task, 'label', g.label, 'ids', g.ids,
                'isNew', g.ids IS DISTINCT FROM (
                    SELECT r.gold_ids FROM glossator.training_rows r JOIN glossator.training_runs t ON t.id = r.run_id
                    WHERE r.document_id = p.id AND r.task = g.task
                        AND t.status IN ('promoted', 'kept') AND t.model_id IS NOT NULL
                    ORDER BY r.run_id DESC LIMIT 1),
                'isUnlearned', g.ids IS DISTINCT FROM (
                    SELECT r.gold_ids FROM glossator.training_rows r
                    WHERE r.document_id = p.id AND r.task = g.task
                        AND r.run_id IN (SELECT training_run_id FROM lineage)
                    ORDER BY r.run_id DESC LIMIT 1))) AS said
            FROM (
                SELECT c.task, c.label, ARRAY[c.id] AS ids
                FROM glossator.gold_current_labels c WHERE c.document_id = p.id
                UNION ALL
                SELECT c.task, NULL, ARRAY(
                    SELECT n.id FROM glossator.gold_current_entities n
                    WHERE n.document_id = p.id AND n.task = c.task ORDER BY n.id)
                FROM glossator.gold_current_tasks c WHERE c.document_id = p.id
            ) g
        ) s ON true
        ORDER BY p.id
        """)

    static let countLabels = Statement(
        "gold_count_labels",
        """
        SELECT g.task, g.label, count(*) FROM glossator.gold_current_labels g
        JOIN glossator.documents d ON d.id = g.document_id WHERE d.collection = $1::text GROUP BY g.task, g.label
        """)

    static let countEntities = Statement(
        "gold_count_entities",
        """
        SELECT g.task, g.type, count(*) FROM glossator.gold_current_entities g
        JOIN glossator.documents d ON d.id = g.document_id WHERE d.collection = $1::text GROUP BY g.task, g.type
        """)

    static let countComplete = Statement(
        "gold_count_complete",
        """
        SELECT g.task, count(*) FROM glossator.gold_current_tasks g
        JOIN glossator.documents d ON d.id = g.document_id WHERE d.collection = $1::text GROUP BY g.task
        """)

    static let countDocuments = Statement(
        "gold_count_documents",
        """
        SELECT count(*) FROM (
            SELECT document_id FROM glossator.gold_labels
            UNION SELECT document_id FROM glossator.gold_entities WHERE retracted_at IS NULL
            UNION SELECT document_id FROM glossator.gold_complete
        ) g JOIN glossator.documents d ON d.id = g.document_id WHERE d.collection = $1::text
        """)

    static let statements = [
        insertLabels, insertEntities, insertComplete, overlapping, declared, markedIDs, page, countLabels,
        countEntities,
        countComplete,
        countDocuments,
    ]
}
