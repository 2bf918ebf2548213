// libpq. Only Store/Connection calls it.
#pragma once
#include <libpq-fe.h>

// Swift sees these as characters of no type: the same, as the int that PQresultErrorField() takes.
static const int glossator_diag_sqlstate = PG_DIAG_SQLSTATE;
static const int glossator_diag_message = PG_DIAG_MESSAGE_PRIMARY;
static const int glossator_diag_hint = PG_DIAG_MESSAGE_HINT;
static const int glossator_diag_constraint = PG_DIAG_CONSTRAINT_NAME;
static const int glossator_diag_schema = PG_DIAG_SCHEMA_NAME;
