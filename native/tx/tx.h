/* SPDX-License-Identifier: MIT */
/*
 * A transmit path: the mirror of rx/rx.h, one file a path behind this interface. The caller reserves room for
 * payloads, writes them (a stamp in the last instant), and flushes; headers are the path's business.
 *
 *   payload = tx->ops->reserve(tx, len);	 once or more, up to the path's batch
 *   ... write len bytes ...
 *   tx->ops->flush(tx);
 */
#ifndef HP_TX_H
#define HP_TX_H

#include "hotpath.h"

#define TX_BATCH   64	/* datagrams reserved at most between two flushes */
#define TX_PAYLOAD 2048 /* a slot: headers and payload; struct tx.largest says what fits */

struct tx;

struct tx_ops {
	const char *name;
	/*
	 * Opens the endpoint in the caller's current network namespace. Counters go to `stats`, which
	 * outlives the path and starts at 0. 0 and *out, or fail(...).
	 */
	int (*open)(struct tx **out, const struct hp_tx_options *options, struct hp_tx_stats *stats);
	/*
	 * Room for the payload of the next datagram, `len` (1..tx->largest) bytes, the caller's until
	 * flush(). NULL: no room before a flush, or before the kernel gives buffers back; counted in no_room.
	 * Never blocks.
	 */
	uint8_t *(*reserve)(struct tx *tx, uint32_t len);
	/*
	 * Hands everything reserved to the wire, in order: how many it took (sent). What it had no room for
	 * stays and goes first next time (partial); what it refused is counted as failed, by name, and given
	 * up. Also with nothing newly reserved: the rest goes, completions are collected. Never blocks.
	 * fail(...) = the path is broken for good. The thread that flushes first is the one that goes on.
	 */
	int (*flush)(struct tx *tx);
	/* Refreshes the counters that cost a system call (tx_interface_look()). Off the hot path. */
	void (*refresh)(struct tx *tx);
	/* Closes, frees; what still waits is lost. */
	void (*close)(struct tx *tx);
};

/* Every path's struct begins with this. */
struct tx {
	const struct tx_ops *ops;
	struct hp_tx_stats *stats;
	uint32_t largest; /* payload bytes that fit one datagram; set by open() */
	uint32_t waiting; /* reserved and neither sent nor failed: those before a flush, and what it left */
};

extern const struct tx_ops tx_udp;
extern const struct tx_ops tx_uring;
extern const struct tx_ops tx_zc;
extern const struct tx_ops tx_packet;
extern const struct tx_ops tx_tap;
extern const struct tx_ops tx_xdp;

/* The ops of an enum hp_tx_path, or NULL. */
const struct tx_ops *tx_path(int32_t path);
/* Opens the options' path in the options' namespace. 0 and *out, or fail(...). */
int tx_path_open(struct tx **out, const struct hp_tx_options *options, struct hp_tx_stats *stats);

/* ---- shared by the paths (native/tx/endpoint.c) ---- */

/* The options' endpoint, checked and in the kernel's terms. */
struct tx_endpoint {
	char address[16]; /* both NUL-terminated, whatever the options held */
	char ifname[16];
	uint32_t ip;	      /* network byte order, as are the next three */
	uint32_t source_ip;   /* 0: not stated */
	uint16_t port;	      /* of the destination */
	uint16_t source_port; /* 0: not stated */
	int ifindex;	      /* 0: the routing table chooses */
	int multicast;
	uint8_t ttl;
	uint8_t mac[6], source_mac[6]; /* filled in by tx_endpoint_link() */
	uint32_t mtu;		       /* likewise */
};

/* Reads addresses, ports, TTL and interface. 0 or fail(...). */
int tx_endpoint(struct tx_endpoint *out, const struct hp_tx_options *options);
/*
 * What a path that builds frames needs besides, asked of the kernel in the current namespace: the interface
 * (one must be named), its MAC, MTU and (unless stated) address, and the destination's MAC: from the group,
 * from options->mac, or from the neighbour table, which is given half a second to resolve it. A source port
 * that is not stated becomes the destination's. 0 or fail(...).
 */
int tx_endpoint_link(struct tx_endpoint *endpoint, const struct hp_tx_options *options);

/* Payload bytes that fit one unfragmented datagram of the linked interface, `most` at most. */
static inline uint32_t tx_endpoint_largest(const struct tx_endpoint *endpoint, uint32_t most)
{
	uint32_t fits = endpoint->mtu > 28 ? endpoint->mtu - 28 : 0; /* IPv4 and UDP headers */

	return fits < most ? fits : most;
}

/* Counts datagrams the kernel refused with `error` (a positive errno) by name. */
void tx_failed(struct tx *tx, int error, uint32_t datagrams);
/* Counts datagrams the wire took, and takes them off `waiting`. */
static inline void tx_sent(struct tx *tx, uint32_t datagrams, uint64_t bytes)
{
	tx->stats->sent += datagrams;
	tx->stats->bytes += (double)bytes;
	tx->waiting -= datagrams;
}
/* Appends to stats->note, ", " between; cut when full. */
void tx_note(struct hp_tx_stats *stats, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- sockets (native/tx/socket.c) ---- */

/*
 * A UDP socket connected to the endpoint, in the current namespace: source, TTL, multicast interface, send
 * buffer. Errors that only a later datagram meets are its own (IP_RECVERR). fd or fail(...).
 */
int tx_socket_open(const struct tx_endpoint *endpoint, const struct hp_tx_options *options);

/* ---- headers (native/tx/header.c) ---- */

#define TX_HEADERS 42 /* Ethernet 14, IPv4 without options 20, UDP 8 */

/* The headers of every frame of an endpoint, but for lengths and the checksum that depends on them. */
struct tx_header {
	uint8_t bytes[TX_HEADERS];
	uint32_t sum; /* of the IPv4 header with length and checksum 0 */
};

void tx_header_init(struct tx_header *header, const struct tx_endpoint *endpoint);
/* Writes the TX_HEADERS bytes before a payload of `len`; UDP checksum 0 (RFC 768: none). The frame's length.
 */
uint32_t tx_header_write(const struct tx_header *header, uint8_t *frame, uint32_t len);

/* ---- the interface that sends (native/tx/interface.c) ---- */

struct tx_interface {
	int fd; /* -1: none was named, nothing is looked at */
	char name[16];
	uint64_t dropped_before; /* its tx_dropped at open */
};

/* Remembers where the interface's counters stand. `ifname` "" looks at nothing. 0 or fail(...). */
int tx_interface_open(struct tx_interface *interface, const char *ifname);
/* Brings link_drops and link_downs up to date: what the kernel drops after it has said yes. */
void tx_interface_look(struct tx_interface *interface, struct hp_tx_stats *stats);
void tx_interface_close(struct tx_interface *interface);

#endif
