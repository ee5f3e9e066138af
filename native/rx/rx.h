/* SPDX-License-Identifier: MIT */
/*
 * A receive path: one file a path behind this interface. The engine polls, hands each datagram to the
 * feed, and releases the batch; the path owns every byte it points at until release.
 */
#ifndef HP_RX_H
#define HP_RX_H

#include "hotpath.h"

#define RX_BATCH 64
#define RX_FRAME 2048 /* largest datagram kept whole; longer ones arrive cut, with `truncated` set */

/* One UDP payload, valid until the next release(). */
struct rx_datagram {
	const uint8_t *data;
	uint32_t len;
	uint32_t truncated; /* 1: the datagram was longer than `len` */
	int64_t wire_ns;    /* receive stamp, ns since the Unix epoch; 0 = none */
};

struct rx;

struct rx_ops {
	const char *name;
	/*
	 * Opens the endpoint in the caller's current network namespace and joins its group. Counters go to
	 * `stats`, which outlives the path. 0 and *out, or fail(...).
	 */
	int (*open)(struct rx **out, const struct hp_rx_options *options, struct hp_rx_stats *stats);
	/* Never blocks. Up to `max` datagrams, every field set; 0 = nothing there; fail(...) = the path is
	 * broken. */
	int (*poll)(struct rx *rx, struct rx_datagram *out, int max);
	/* Gives back everything the last poll handed out (buffer ring, fill ring). */
	void (*release)(struct rx *rx);
	/* A descriptor that polls readable when poll() would bring something. */
	int (*fd)(struct rx *rx);
	/* Refreshes the counters that cost a system call (kernel drops). Off the hot path. */
	void (*refresh)(struct rx *rx);
	/* Leaves the group, detaches, closes, frees. */
	void (*close)(struct rx *rx);
};

/* Every path's struct begins with this. */
struct rx {
	const struct rx_ops *ops;
	struct hp_rx_stats *stats;
};

extern const struct rx_ops rx_udp;
extern const struct rx_ops rx_uring;
extern const struct rx_ops rx_xdp;
extern const struct rx_ops rx_packet;
extern const struct rx_ops rx_tap;
extern const struct rx_ops rx_pcap;

/* The ops of an enum hp_rx_path, or NULL. */
const struct rx_ops *rx_path(int32_t path);
/* Opens the options' path in the options' namespace. 0 and *out, or fail(...). */
int rx_path_open(struct rx **out, const struct hp_rx_options *options, struct hp_rx_stats *stats);

/* Makes two open pcap paths the lines of one feed: played by one clock, in the order recorded. 0 or
 * fail(...): they go at different speeds. */
int rx_pcap_pair(struct rx *a, struct rx *b);

/* ---- shared by the paths (native/rx/socket.c) ---- */

/* The options' address, checked and in the kernel's terms. */
struct rx_endpoint {
	char address[16]; /* both NUL-terminated, whatever the options held */
	char ifname[16];
	uint32_t ip;   /* network byte order */
	uint16_t port; /* network byte order */
	int ifindex;   /* 0: the routing table chooses */
	int multicast;
};

/* Reads address, port and interface. 0 or fail(...). */
int rx_endpoint(struct rx_endpoint *out, const struct hp_rx_options *options);
/*
 * A UDP socket for the endpoint: non-blocking, SO_REUSEADDR, receive buffer, busy-poll options when asked,
 * bound to group:port and joined on the interface (or bound to the unicast address). fd or fail(...). What
 * the kernel did not grant goes to stats->note.
 */
int rx_socket_open(const struct rx_endpoint *endpoint, const struct hp_rx_options *options,
		   struct hp_rx_stats *stats);
/* Leaves the group and closes; -1 is a no-op. Other holders of the socket (a ring) do not keep it joined. */
void rx_socket_close(int fd, const struct rx_endpoint *endpoint);
/*
 * A socket that only joins the group (IGMP) and is never bound: what the xdp and packet paths need. *fd is -1
 * for a unicast endpoint. 0 or fail(...).
 */
int rx_socket_join(const struct rx_endpoint *endpoint, int *fd);
/* Asks for busy polling on a socket (UDP or XDP), `budget` packets a round (0 = RX_BATCH). 0 or -errno. */
int rx_socket_busy_poll(int fd, uint32_t budget);
/* Looks at the socket poll its driver: that was granted, and what came so far came through a NAPI instance. A
 * driver that has none is said in the note. */
int rx_socket_polls_driver(int fd, struct hp_rx_stats *stats);
/* Copies the socket's count of dropped datagrams (SO_MEMINFO) to stats->dropped. */
void rx_socket_drops(int fd, struct hp_rx_stats *stats);
/* ---- receive stamps of the sockets (native/rx/stamps.c) ---- */

#define RX_CONTROL 64 /* bytes of control messages that come with a stamped datagram */

/* Has the kernel stamp what the socket receives, and the NIC where it was told to. 1 or 0, said in the note.
 */
int rx_stamps_open(int fd, const struct rx_endpoint *endpoint, struct hp_rx_stats *stats);
/* The stamp among a datagram's control messages, counted in stats->stamped; 0 = none. */
int64_t rx_stamp(const void *control, size_t len, struct hp_rx_stats *stats);

/* Appends to stats->note, ", " between; cut when full. */
void rx_note(struct hp_rx_stats *stats, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
