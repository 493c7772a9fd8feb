package daemon

// childDir names the data folder in a child's environment.
const childDir = "HFWATCH_TEST_DAEMON_DIR"

func child() int { return 0 }
