"""Which scenarios there are, in the order in which they run."""

import scenarios_clock
import scenarios_daemon
import scenarios_network
import scenarios_server
import scenarios_train

ALL = {
    "daemon-kill": scenarios_daemon.daemon_kill,
    "daemon-zombie": scenarios_daemon.daemon_zombie,
    "daemon-terminate": scenarios_daemon.daemon_terminate,
    "poison": scenarios_daemon.poison,
    "train-kill": scenarios_train.train_kill,
    "server-kill": scenarios_server.server_kill,
    "terminate-away": scenarios_server.terminate_away,
    "sessions-end": scenarios_server.sessions_end,
    "backend-hangs": scenarios_server.backend_hangs,
    "claim-hangs": scenarios_server.claim_hangs,
    "disk-full": scenarios_server.disk_full,
    "disk-full-data": scenarios_server.disk_full_data,
    "disk-full-wal": scenarios_server.disk_full_wal,
    "old-transaction": scenarios_server.old_transaction,
    "commit-cut": scenarios_network.commit_cut,
    "claim-cut": scenarios_network.claim_cut,
    "network": scenarios_network.network,
    "clock-daemons": scenarios_clock.clock_daemons,
    "clock-server": scenarios_clock.clock_server,
    "clock-server-back": scenarios_clock.clock_server_back,
}
