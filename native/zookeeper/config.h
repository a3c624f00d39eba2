/* What the ZooKeeper C client's configure script would find out, and which of its calls go to functions of ours
 * (sockets.cc). Its zookeeper.c includes this before anything else, so the system's own headers declare ours under the
 * new names. */
#ifndef ROLLCALL_ZOOKEEPER_CONFIG_H
#define ROLLCALL_ZOOKEEPER_CONFIG_H

#define PACKAGE_STRING "rollcall"
#define HAVE_ARPA_INET_H 1
#define HAVE_NETDB_H 1
#define HAVE_NETINET_IN_H 1
#define HAVE_POLL 1
#define HAVE_SYS_SOCKET_H 1
#define HAVE_SYS_TIME_H 1
#define HAVE_UNISTD_H 1

/* Sockets are made, connected and closed by the session: close-on-exec and non-blocking from birth. */
#define socket rollcall_zookeeper_socket
#define connect rollcall_zookeeper_connect
#define close rollcall_zookeeper_close
#define send rollcall_zookeeper_send
/* Names are resolved in JavaScript. */
#define getaddrinfo rollcall_zookeeper_getaddrinfo
#define freeaddrinfo rollcall_zookeeper_freeaddrinfo
/* Nothing waits in here. */
#define poll rollcall_zookeeper_poll
/* The client's own counter is one for all threads. */
#define get_xid rollcall_zookeeper_get_xid

#endif
