mod daemon_support;
