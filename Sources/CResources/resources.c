#include "resources.h"

static const unsigned char migration_0001[] = {
#embed "../../migrations/0001_schema.sql"
};
static const unsigned char migration_0002[] = {
#embed "../../migrations/0002_models.sql"
};
static const unsigned char migration_0003[] = {
#embed "../../migrations/0003_documents.sql"
};
static const unsigned char migration_0004[] = {
#embed "../../migrations/0004_results.sql"
};
static const unsigned char migration_0005[] = {
#embed "../../migrations/0005_gold.sql"
};
static const unsigned char migration_0006[] = {
#embed "../../migrations/0006_training.sql"
};
static const unsigned char migration_0007[] = {
#embed "../../migrations/0007_control.sql"
};
static const unsigned char migration_0008[] = {
#embed "../../migrations/0008_progress.sql"
};
static const unsigned char migration_0009[] = {
#embed "../../migrations/0009_watch.sql"
};
static const unsigned char migration_0010[] = {
#embed "../../migrations/0010_health.sql"
};
static const unsigned char migration_0011[] = {
#embed "../../migrations/0011_certificates.sql"
};
static const unsigned char migration_0012[] = {
#embed "../../migrations/0012_learned_layers.sql"
};
static const unsigned char migration_0013[] = {
#embed "../../migrations/0013_training_record.sql"
};
static const unsigned char migration_0014[] = {
#embed "../../migrations/0014_gold_views.sql"
};
static const unsigned char migration_0015[] = {
#embed "../../migrations/0015_schedule.sql"
};
static const unsigned char migration_0016[] = {
#embed "../../migrations/0016_manifest.sql"
};
static const unsigned char migration_0017[] = {
#embed "../../migrations/0017_relabel.sql"
};
static const unsigned char migration_0018[] = {
#embed "../../migrations/0018_retention.sql"
};
static const unsigned char migration_0019[] = {
#embed "../../migrations/0019_next_to_label.sql"
};

static const unsigned char demo_labelled[] = {
#embed "../../deploy/demo/labelled.jsonl"
};
static const unsigned char demo_unlabelled[] = {
#embed "../../deploy/demo/unlabelled.jsonl"
};

#define RESOURCE(name, bytes) {name, bytes, sizeof bytes}

// A test of Store compares this list with the folder.
static const glossator_resource migrations[] = {
    RESOURCE("0001_schema.sql", migration_0001),
    RESOURCE("0002_models.sql", migration_0002),
    RESOURCE("0003_documents.sql", migration_0003),
    RESOURCE("0004_results.sql", migration_0004),
    RESOURCE("0005_gold.sql", migration_0005),
    RESOURCE("0006_training.sql", migration_0006),
    RESOURCE("0007_control.sql", migration_0007),
    RESOURCE("0008_progress.sql", migration_0008),
    RESOURCE("0009_watch.sql", migration_0009),
    RESOURCE("0010_health.sql", migration_0010),
    RESOURCE("0011_certificates.sql", migration_0011),
    RESOURCE("0012_learned_layers.sql", migration_0012),
    RESOURCE("0013_training_record.sql", migration_0013),
    RESOURCE("0014_gold_views.sql", migration_0014),
    RESOURCE("0015_schedule.sql", migration_0015),
    RESOURCE("0016_manifest.sql", migration_0016),
    RESOURCE("0017_relabel.sql", migration_0017),
    RESOURCE("0018_retention.sql", migration_0018),
    RESOURCE("0019_next_to_label.sql", migration_0019),
};

const glossator_resource *glossator_migrations(size_t *count) {
    *count = sizeof migrations / sizeof *migrations;
    return migrations;
}

static const glossator_resource demo_texts[] = {
    RESOURCE("labelled.jsonl", demo_labelled),
    RESOURCE("unlabelled.jsonl", demo_unlabelled),
};

const glossator_resource *glossator_demo_texts(size_t *count) {
    *count = sizeof demo_texts / sizeof *demo_texts;
    return demo_texts;
}
