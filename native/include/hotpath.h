/* SPDX-License-Identifier: MIT */
/*
 * The whole ABI of libhotpath.so (with the parts in hotpath/, which it includes): plain structs with fixed
 * layouts, opaque handles and functions prefixed hp_. lib/native.ts is its only user;
 * tests/native/abi_test.ts parses this file and fails when a symbol or an offset there disagrees.
 *
 * Conventions
 *   - Errors are negative errno (int32_t), or NULL where a handle is returned; hp_last_error() then
 *     has the sentence for a person: what failed, on what, why, what to do next. One per thread.
 *   - Numbers cross as int32_t and double. Prices and quantities are scaled integers held exactly in a
 *     double (|x| < 2^53): price x price_scale, quantity x qty_scale of the feed or tape.
 *   - Times are nanoseconds. An engine's times count from its own epoch (hp_control.epoch_ms), so that
 *     they stay exact in a double.
 *   - Memory that both sides read is allocated by TypeScript (WebAssembly.Memory, shared: page-aligned
 *     and never moved), handed over once at open and must outlive the handle. C never frees it.
 *   - A handle belongs to the thread that opened it, but for hp_engine_start(), after which a native
 *     thread of the engine's own is the only one inside the loop until hp_engine_stop().
 */
#ifndef HOTPATH_H
#define HOTPATH_H

#include <stddef.h>
#include <stdint.h>

#define HP_API	       __attribute__((visibility("default")))
#define HP_ABI_VERSION 1

/* ---- options ------------------------------------------------------------------------------- */

enum hp_rx_path {
	HP_RX_UDP = 0,
	HP_RX_URING = 1,
	HP_RX_XDP = 2,
	HP_RX_PACKET = 3,
	HP_RX_TAP = 4,
	HP_RX_PCAP = 5,
};
enum hp_wait { HP_WAIT_SPIN = 0, HP_WAIT_BUSY_POLL = 1, HP_WAIT_BLOCK = 2 };
enum hp_order_via { HP_ORDER_SEND = 0, HP_ORDER_URING = 1 };

enum hp_rx_flags {
	HP_RX_STAMPS = 1,    /* ask the kernel, driver or XDP metadata when each datagram arrived */
	HP_RX_COPY = 2,	     /* xdp: copy mode only */
	HP_RX_ZERO_COPY = 4, /* xdp: zero-copy, or open() fails */
	HP_RX_V3 = 8,	     /* packet: TPACKET_V3 blocks (throughput) instead of V2 frames (latency) */
	HP_RX_SQPOLL = 16,   /* uring: a kernel thread submits, pinned to helper_cpu */
};

/* One receive endpoint: udp://address:port?via=&if=&queue=&cpu=&wait=&netns= and what belongs to one path. */
struct hp_rx_options {
	char address[16]; /* dotted IPv4: a multicast group to join, or a local unicast address */
	char ifname[16];  /* interface; "" lets the routing table choose (packet, xdp and tap need one) */
	char netns[64];	  /* namespace file to open the socket in ("/run/netns/x"); "" = the current one */
	uint32_t port;
	int32_t path; /* enum hp_rx_path */
	int32_t wait; /* enum hp_wait */
	int32_t cpu;  /* core for the thread that receives; -1 = do not pin */
	uint32_t queue;
	uint32_t rcvbuf;      /* bytes asked for with SO_RCVBUF(FORCE), or of a ring; 0 = 8 MiB */
	uint32_t flags;	      /* enum hp_rx_flags */
	uint32_t queues;      /* xdp, tap: queues served, from `queue` on; 0 = 1 */
	uint32_t budget;      /* busy-poll: packets a round; 0 = 64 */
	uint32_t fanout;      /* packet: fanout group (1..65535) shared with other sockets; 0 = none */
	int32_t helper_cpu;   /* uring: core of the SQPOLL thread; -1 = do not pin */
	uint32_t frame_bytes; /* xdp: a UMEM frame, 2048 or 4096; 0 = 2048 */
	uint32_t frames;      /* xdp: frames of the UMEM, a power of two; 0 = 4096 */
	int32_t pace;	      /* pcap: enum hp_pace, RECORDED or FLAT */
	double speed;	      /* pcap: RECORDED, times faster than recorded; 0 = 1 */
	char also_ifname[16]; /* xdp: a second interface that shares the UMEM ... */
	char also_netns[64];  /* ... and its namespace file; "" = that of the first */
	char file[240];	      /* pcap: the capture */
};
_Static_assert(sizeof(struct hp_rx_options) == 480, "hp_rx_options");
_Static_assert(offsetof(struct hp_rx_options, port) == 96, "hp_rx_options.port");
_Static_assert(offsetof(struct hp_rx_options, speed) == 152, "hp_rx_options.speed");
_Static_assert(offsetof(struct hp_rx_options, file) == 240, "hp_rx_options.file");

enum hp_tx_path {
	HP_TX_UDP = 0,
	HP_TX_URING = 1,
	HP_TX_ZC = 2, /* io_uring send_zc */
	HP_TX_PACKET = 3,
	HP_TX_XDP = 4,
	HP_TX_TAP = 5,
	HP_TX_KERNEL = 6, /* the kernel generates by itself: see hp_traffic_open() */
};

enum hp_tx_flags {
	HP_TX_COPY = 1,	     /* xdp: copy mode only */
	HP_TX_ZERO_COPY = 2, /* xdp: zero-copy, or open() fails */
};

/* One transmit endpoint: udp://address:port?via=&if=&netns=&source=&mac=&queue=&cpu=&batch= */
struct hp_tx_options {
	char address[16]; /* dotted IPv4: where datagrams go, a multicast group or a host */
	char source[16];  /* source address of frames; "" = the interface's own (udp: what the route says; tap
			     needs one) */
	char ifname[16]; /* interface; "" lets the routing table choose (packet, xdp, tap, kernel need one) */
	char netns[64];	 /* namespace file to open the socket in ("/run/netns/x"); "" = the current one */
	char mac[24]; /* destination of frames, "02:00:00:00:00:01"; "" = the group's, or the neighbour's */
	uint32_t port;
	uint32_t source_port; /* 0: any free one; frames have `port` as their source then */
	int32_t path;	      /* enum hp_tx_path */
	int32_t cpu;	      /* core for the thread that sends; -1 = do not pin */
	uint32_t queue;	      /* xdp, tap: the queue to send on */
	uint32_t batch;	      /* datagrams a flush, 1..64; 0 = 1 at a rate, 32 flat out */
	uint32_t ttl;	      /* 0 = 1 for a group, 64 for a host */
	uint32_t flags;	      /* enum hp_tx_flags */
	uint32_t sndbuf;      /* bytes asked for with SO_SNDBUF(FORCE); 0 = 4 MiB */
	uint32_t frames;      /* xdp: frames of the UMEM, a power of two; 0 = 4096 */
	uint32_t reserved[4];
};
_Static_assert(sizeof(struct hp_tx_options) == 192, "hp_tx_options");
_Static_assert(offsetof(struct hp_tx_options, port) == 136, "hp_tx_options.port");

/* One order-entry endpoint: tcp://address:port?via=send|uring&netns= ; port 0 = no order entry */
struct hp_order_options {
	char address[16];
	char netns[64];
	uint32_t port;
	int32_t via;	       /* enum hp_order_via */
	double max_qty;	       /* risk: largest quantity of one order (scaled); 0 = no limit */
	double max_notional;   /* risk: largest price x quantity of one order (both scaled); 0 = no limit */
	uint32_t reconnect_ms; /* pause between attempts after a disconnect; 0 = do not reconnect */
	uint32_t connect_ms;   /* time allowed for the first connect; 0 = 1000 */
	uint32_t later;	       /* 1: hp_engine_connect() connects, not hp_engine_open() */
	uint32_t reserved[3];
};
_Static_assert(sizeof(struct hp_order_options) == 128, "hp_order_options");
_Static_assert(offsetof(struct hp_order_options, port) == 80, "hp_order_options.port");
_Static_assert(offsetof(struct hp_order_options, max_qty) == 88, "hp_order_options.max_qty");

/* ---- measure ------------------------------------------------------------------------------- */

/*
 * HDR-style log-linear histogram of nanoseconds: values below 128 exact, then 64 linear buckets per
 * power of two (error below 1/64), up to 2^40 ns; larger values count in the last bucket and in max.
 */
#define HP_HISTOGRAM_BUCKETS 2240
struct hp_histogram {
	double count, sum, min, max; /* min and max exact */
	uint32_t buckets[HP_HISTOGRAM_BUCKETS];
};
_Static_assert(sizeof(struct hp_histogram) == 32 + 4 * HP_HISTOGRAM_BUCKETS, "hp_histogram");

/* The stages of one turn of the loop, each a histogram in hp_control.stages; the cost of the stamp that ends
 * a stage is taken off. */
enum hp_stage {
	HP_STAGE_WAIT = 0,   /* end of the turn before -> start of the receive that brought something */
	HP_STAGE_RECV = 1,   /* that receive; once a batch */
	HP_STAGE_DECODE = 2, /* decode and sequence one record; once a datagram where feeds decode ahead */
	HP_STAGE_BOOK = 3,   /* apply it to the book; likewise of a datagram's first message, its event filled
			      * in as well */
	HP_STAGE_STRATEGY = 4, /* event ready -> the strategy's order, or its return; likewise */
	HP_STAGE_ORDER = 5,    /* checks and encoding of one order */
	HP_STAGE_SEND = 6,     /* its system call or submission */
	HP_STAGE_LOOP = 7,     /* the whole turn without waiting */
	HP_STAGES = 8
};

#include "hotpath/feed.h"
#include "hotpath/books.h"

/* ---- book ---------------------------------------------------------------------------------- */

enum hp_book_flags {
	HP_BOOK_STALE = 1,   /* records were lost since the last snapshot */
	HP_BOOK_CROSSED = 2, /* best bid >= best ask */
	HP_BOOK_NO_BID = 4,
	HP_BOOK_NO_ASK = 8,
	HP_BOOK_OPEN = 16, /* the feed's event is not complete: the best prices are not valid yet */
};

/* Positions of a book's grid and levels of its list, a side, are these multiples of its capacity. */
#define HP_BOOK_GRID 4

/*
 * One side of a book. Its levels, best first, are
 *   1. the first `cut` of the list, best first: those better than every position of the grid,
 *   2. the taken positions of the grid in their order; there are `levels - count` of them,
 *   3. the rest of the list: those beyond the grid's end.
 * Position i of the grid stands for the price anchor + i x step (step is negative on the bid side), and its
 * bit says whether a level is there. The list begins at `head` of its arrays.
 */
struct hp_book_side {
	double anchor, step; /* of the grid */
	double per_step;     /* 1 / step */
	double width;	     /* positions of the grid; 0 = not laid: every level is in the list */
	uint32_t grid_at;    /* where grid_qty begins, in bytes from the book's address */
	uint32_t taken_at;   /* where the bits begin */
	uint32_t top;	     /* first position taken; UINT32_MAX = none */
	uint32_t levels;     /* of this side */
	uint32_t list_at;    /* where list_price begins, in bytes from the book's address */
	uint32_t head;	     /* where in its arrays the list begins */
	uint32_t count, cut; /* levels of the list; those of them before the grid */
	double price, qty;   /* the best level; both 0 where the side is empty */
	double laid_at;	     /* the writer's: updates of the book when it began to count `missed` */
	uint32_t missed;     /* the writer's: updates since then beside the grid */
	uint32_t bear;	     /* the writer's: how many of them it bears before it lays the grid anew */
	uint32_t finger;     /* the writer's: where it searched the list last */
	uint32_t reserved[7];
};
_Static_assert(sizeof(struct hp_book_side) == 128, "hp_book_side");
_Static_assert(offsetof(struct hp_book_side, top) == 40, "hp_book_side.top");
_Static_assert(offsetof(struct hp_book_side, price) == 64, "hp_book_side.price");

/*
 * L2 book in memory that both sides read: this header, then for each side, bid first: list_price[capacity],
 * list_qty[capacity], grid_qty[HP_BOOK_GRID x capacity] (doubles), and a bit for each position of the grid
 * (uint64_t, position i is bit i % 64 of word i / 64). A reader on another thread takes `version` before and
 * after: odd or changed = try again.
 */
struct hp_book {
	uint32_t version; /* seqlock */
	uint32_t flags;	  /* enum hp_book_flags */
	uint32_t capacity;
	uint32_t snapshot; /* 1 while inside a snapshot run */
	double price_scale, qty_scale;
	double seq;		/* of the last record applied */
	double unknown_removed; /* removals of a level that was not there: normal in diff feeds */
	double inserted;	/* levels that appeared */
	double removed;		/* levels that went */
	double changed;		/* quantities set of levels that were there; these four make every update */
	double overflowed;	/* deepest levels dropped because the side was full */
	double refused;		/* records with a price or quantity off the scale */
	double clears;		/* snapshot runs begun */
	double reserved[4];
	struct hp_book_side bid, ask;
};
_Static_assert(sizeof(struct hp_book) == 384, "hp_book");
_Static_assert(offsetof(struct hp_book, seq) == 32, "hp_book.seq");
_Static_assert(offsetof(struct hp_book, clears) == 88, "hp_book.clears");
_Static_assert(offsetof(struct hp_book, bid) == 128, "hp_book.bid");

/* ---- strategy: events and orders ----------------------------------------------------------- */

enum hp_event_kind {
	HP_EVENT_NONE = 0,
	HP_EVENT_BOOK = 1,    /* one message was applied: price, qty, top after it */
	HP_EVENT_GAP = 2,     /* `detail` messages from `seq` on are missing; flags: HP_FLAG_LOST */
	HP_EVENT_ORDER = 3,   /* order_id went to state `detail` (enum hp_order_state) */
	HP_EVENT_END = 4,     /* the session's last record was applied */
	HP_EVENT_LINK = 5,    /* order entry: detail 1 = connected, 0 = lost */
	HP_EVENT_OVERRUN = 6, /* `detail` events were not delivered: the ring was full */
	HP_EVENT_TRADE = 7,   /* a trade no order in the book took part in, a cross, a trade that is broken */
	HP_EVENT_STATUS = 8,  /* trading state, imbalance, system event; the feed began its books anew */
	HP_EVENT_REPAIR = 9,  /* what was missing since the last GAP has come: books are good again */
};

enum hp_event_flags {
	HP_FLAG_BID = 1,
	HP_FLAG_SNAPSHOT = 2,
	HP_FLAG_LAST = 4,	/* last record of the session */
	HP_FLAG_MORE = 8,	/* more records of the same datagram follow */
	HP_FLAG_LOST = 64,	/* of a gap: given up, no repair will follow */
	HP_FLAG_BOOK_SHIFT = 8, /* enum hp_book_flags << 8 */
};

enum hp_order_state {
	HP_ORDER_NEW = 0,	/* in the ring, or in the outbound buffer */
	HP_ORDER_SENT = 1,	/* handed to the kernel */
	HP_ORDER_ACKED = 2,	/* every byte acknowledged by the peer's TCP */
	HP_ORDER_FAILED = 3,	/* the connection went before that */
	HP_ORDER_REFUSED = 4,	/* a check of our own refused it; never left */
	HP_ORDER_CANCELLED = 5, /* its cancel was handed to the kernel */
};

/*
 * One event, in the engine's own slot (hp_control.event) or in a seat's event ring. Of a message (BOOK,
 * TRADE, STATUS) flags have enum hp_message_flags too, and price and qty are as in struct hp_message.
 */
struct hp_event {
	uint32_t kind, flags;
	double seq;
	double recv_ns; /* when the receive that brought it returned; engine epoch */
	double sent_ns; /* the feed's own stamp; engine epoch (may be negative); ITCH: ns since midnight */
	double price, qty;
	double bid, bid_qty, ask, ask_qty; /* top of the symbol's book after it; 0 where a side is empty */
	double order_id;		   /* ORDER: ours; of a message: hp_message.other */
	double detail;			   /* what the kind says; of a message: hp_message.order */
	uint64_t ready_tsc; /* when it was handed to the strategy; where only a datagram's first message is
			       stamped, when that was */
	uint64_t start_tsc; /* when the turn of the loop that brought it began; likewise */
	double wire_ns;	    /* kernel's, driver's or capture's receive stamp; engine epoch; 0 = none */
	uint32_t symbol;    /* the feed's number of it; HP_SYMBOL_ALL: of none */
	uint8_t message;    /* enum hp_message_kind */
	uint8_t type;	    /* the wire's type byte */
	uint16_t reserved;
};
_Static_assert(sizeof(struct hp_event) == 128, "hp_event");
_Static_assert(offsetof(struct hp_event, bid) == 48, "hp_event.bid");
_Static_assert(offsetof(struct hp_event, ready_tsc) == 96, "hp_event.ready_tsc");
_Static_assert(offsetof(struct hp_event, symbol) == 120, "hp_event.symbol");

enum hp_request_kind { HP_REQUEST_ORDER = 1, HP_REQUEST_CANCEL = 2, HP_REQUEST_GO_ON = 3 };

/* What a strategy asks for, in a seat's order ring. */
struct hp_request {
	uint32_t kind;	/* enum hp_request_kind */
	uint32_t flags; /* HP_FLAG_BID = buy */
	double id;
	double price, qty;
	double trigger_seq, trigger_recv_ns;
	uint64_t ready_tsc; /* copied from the event that caused it; 0 = none */
	uint64_t start_tsc; /* likewise */
};
_Static_assert(sizeof(struct hp_request) == 64, "hp_request");

/*
 * Single-producer single-consumer ring. Indices run freely (mod 2^32) and are masked with capacity-1;
 * producer: write the slot, then release-store tail. Consumer: acquire-load tail, read, release-store head.
 */
struct hp_ring {
	uint32_t head; /* consumer's */
	uint32_t pad0[15];
	uint32_t tail; /* producer's; also the futex a sleeping consumer waits on */
	uint32_t pad1[15];
	uint32_t waiting;  /* consumer sets 1 before it sleeps */
	uint32_t capacity; /* slots, a power of two */
	uint32_t slot_bytes;
	uint32_t dropped; /* slots the producer could not write */
	uint32_t pad2[12];
};
_Static_assert(sizeof(struct hp_ring) == 192, "hp_ring");
_Static_assert(offsetof(struct hp_ring, tail) == 64, "hp_ring.tail");
_Static_assert(offsetof(struct hp_ring, waiting) == 128, "hp_ring.waiting");

/*
 * A seat: one strategy's (or shell's) place at an engine that runs on its own thread. Shared memory:
 * this header, the event ring with its slots, the order ring with its slots.
 */
struct hp_seat {
	uint32_t magic;	    /* HP_SEAT_MAGIC once initialised */
	uint32_t index;	    /* which seat; order ids are index * 2^32 + n, n from 1 */
	uint32_t closed;    /* engine: 1 = gone */
	uint32_t heartbeat; /* strategy: +1 each time it returns to its loop */
	double epoch_ms, price_scale, qty_scale;
	uint32_t events_offset, orders_offset; /* from the start of this struct, to an hp_ring */
	uint32_t engine_waiting;	       /* engine sleeps: the producer of orders must wake it */
	uint32_t next_order;		       /* n of the next order id */
	uint32_t reserved[2];
};
#define HP_SEAT_MAGIC 0x54414553u
_Static_assert(sizeof(struct hp_seat) == 64, "hp_seat");

/* ---- engine -------------------------------------------------------------------------------- */

struct hp_engine_options {
	struct hp_rx_options rx; /* line A */
	struct hp_order_options order;
	double hole_ns;	     /* a missing message older than this is asked for or a gap; 0 = 1 ms */
	uint32_t go_on;	     /* 1: after a gap go on with the books as they are (never stale) */
	uint32_t spin_turns; /* empty polls before hp_engine_next() returns 0; 0 = 256 */
	double price_scale;  /* lll: of its numbers, 0 = 1e6; other feeds state theirs */
	double qty_scale;    /* lll: as the exchange states it, 0 = 1; likewise */
	int32_t feed;	     /* enum hp_feed */
	int32_t framing;     /* of a schema feed: enum hp_framing */
	uint32_t day_stamps; /* of a schema feed: 1 = its stamps do not count from the Unix epoch */
	uint32_t reserved[5];
	struct hp_rx_options rx_b;	     /* line B; port 0 = there is none */
	struct hp_recovery_options recovery; /* every feed but lll; without addresses a hole is given up */
};
_Static_assert(sizeof(struct hp_engine_options) == 1344, "hp_engine_options");
_Static_assert(offsetof(struct hp_engine_options, rx_b) == 672, "hp_engine_options.rx_b");

/* Counters of lll; every datagram and record is in exactly one of them. */
struct hp_feed_stats {
	double datagrams, records;
	double delivered;     /* records handed on, in order */
	double duplicates;    /* already delivered, or already waiting */
	double reordered;     /* delivered after waiting in the window */
	double gaps, lost;    /* holes declared, records in them */
	double bad_size;      /* datagram not 1..5 x 40 bytes */
	double bad_type;      /* record type not 1 */
	double bad_value;     /* price or quantity off the scale */
	double sessions;      /* sequence spaces begun */
	uint32_t example_len; /* bytes kept of the first bad datagram */
	uint32_t reserved;
	uint8_t example[64];
};
_Static_assert(sizeof(struct hp_feed_stats) == 160, "hp_feed_stats");

/* Counters of the receive path. What the paths cannot tell stays 0. */
struct hp_rx_stats {
	double datagrams, bytes;
	double polls;	  /* system calls or ring looks */
	double empty;	  /* of them, with nothing there */
	double dropped;	  /* by the kernel for want of room (SO_MEMINFO, PACKET_STATISTICS, XDP_STATISTICS) */
	double malformed; /* frames that are not the granted UDP flow */
	double kicks;	  /* wake-ups given to the kernel */
	double generic;	  /* 1: XDP runs in generic mode */
	double truncated; /* longer than a frame: handed on cut, and refused by the feed */
	double fragments; /* IP fragments to the granted address, left to the kernel or refused */
	double bad_checksum; /* IPv4 header's wrong, or UDP's present and wrong */
	double tagged;	     /* VLAN-tagged frames of the flow: the tag was taken off */
	double ring_full;    /* of `dropped`: the receive ring was full */
	double fill_empty;   /* times the kernel found no free frame */
	double stamped;	     /* datagrams that carried a receive stamp */
	double link_downs;   /* times the interface went down */
	char note[128];	     /* how it runs: "native, copy, need-wakeup" */
};
_Static_assert(sizeof(struct hp_rx_stats) == 256, "hp_rx_stats");
_Static_assert(offsetof(struct hp_rx_stats, note) == 128, "hp_rx_stats.note");

/*
 * Counters of a transmit path. Every datagram reserved is in sent, in failed, or still waits in the path;
 * failed = failed_link + failed_room + failed_size + failed_other.
 */
struct hp_tx_stats {
	double sent, bytes; /* taken by the wire: datagrams, payload bytes */
	double calls;	    /* flushes that had something to hand over */
	double failed;	    /* refused by the kernel and given up */
	double failed_link; /* of them: the interface or the route is down (ENETDOWN, ENETUNREACH, ENXIO) */
	double failed_room; /* of them: no buffer or queue had room (ENOBUFS) */
	double failed_size; /* of them: longer than the interface takes (EMSGSIZE) */
	double failed_other;
	double last_errno; /* of the last one */
	double no_room;	   /* reserve() found no room before a flush or a completion */
	double partial;	   /* flushes that took less than was reserved; the rest goes first next time */
	double kicks;	   /* system calls that told the kernel to look (xdp, uring) */
	double completed;  /* buffers the kernel has given back (uring, zc, xdp) */
	double copied;	   /* of them: zero-copy was asked for and the kernel copied */
	double link_drops; /* the interface's own tx_dropped since open, whoever sent */
	double link_downs; /* looks that found the interface down or without carrier */
	char note[128];	   /* how it runs: "send, sendmmsg for more than one" */
};
_Static_assert(sizeof(struct hp_tx_stats) == 256, "hp_tx_stats");
_Static_assert(offsetof(struct hp_tx_stats, note) == 128, "hp_tx_stats.note");

/* Counters of order entry. */
struct hp_order_stats {
	double sent, acked, failed, refused, cancelled;
	double partial; /* sends that took less than was offered */
	double connects, disconnects;
	double connected;    /* 1 while connected */
	double queued_bytes; /* waiting in our own buffer */
	double refused_price, refused_qty, refused_notional, refused_stale, refused_link, refused_full;
};
_Static_assert(sizeof(struct hp_order_stats) == 128, "hp_order_stats");

/* The engine's shared page(s): what TypeScript reads while it runs. */
struct hp_control {
	double epoch_ms;  /* CLOCK_REALTIME of the engine's time 0, in ms */
	double tsc_hz;	  /* 0: no invariant TSC, clock_gettime is used */
	uint32_t running; /* 1 while a native thread is in the loop */
	uint32_t seats;
	double overruns;       /* events not delivered to a seat */
	double now_ns;	       /* last turn of the loop that brought something */
	double loops;	       /* turns that brought a record */
	double ended;	       /* sessions whose last record was applied */
	double stamp_ns;       /* cost of reading the clock, taken off every stage */
	struct hp_event event; /* the slot of an inline strategy */
	struct hp_rx_stats rx;
	struct hp_feed_stats feed;
	struct hp_order_stats order;
	char trouble[256]; /* why the native thread ended by itself; "" = it has not */
	struct hp_histogram stages[HP_STAGES];
	/* The first two stay empty for a capture, whose stamps are of another day. */
	struct hp_histogram one_way;	  /* the feed's own stamp -> the strategy's order, or its return */
	struct hp_histogram wire_to_hand; /* the receive stamp (wire_ns) -> datagram in hand */
	struct hp_histogram tick_to_send; /* datagram in hand -> its order about to be handed to the kernel */
	struct hp_rx_stats rx_b;	  /* line B */
	struct hp_stream_stats stream; /* lines, holes, recovery; of lll: its lines' packets and messages */
	struct hp_report report;       /* what became of every message */
};
_Static_assert(offsetof(struct hp_control, event) == 64, "hp_control.event");
_Static_assert(offsetof(struct hp_control, rx) == 192, "hp_control.rx");
_Static_assert(offsetof(struct hp_control, feed) == 448, "hp_control.feed");
_Static_assert(offsetof(struct hp_control, order) == 608, "hp_control.order");
_Static_assert(offsetof(struct hp_control, trouble) == 736, "hp_control.trouble");
_Static_assert(offsetof(struct hp_control, stages) == 992, "hp_control.stages");
_Static_assert(offsetof(struct hp_control, rx_b) == 99904, "hp_control.rx_b");

/* ---- lab ----------------------------------------------------------------------------------- */

enum hp_pace { HP_PACE_RATE = 0, HP_PACE_RECORDED = 1, HP_PACE_FLAT = 2 };
enum hp_exchange_state { HP_EXCHANGE_INIT = 0, HP_EXCHANGE_HANDSHAKE = 1, HP_EXCHANGE_TRANSMIT = 2 };

/* The seeded market (native/lab/generator.c says where each default comes from). */
struct hp_market_options {
	double seed;
	double records; /* updates after the snapshot; 0 = 400,000 */
	double levels;	/* snapshot levels a side; 0 = 1,000 */
	double price;	/* start, in ticks; 0 = the default */
	double tick;	/* price x price_scale of one tick; 0 = the default */
	double reserved[3];
};
_Static_assert(sizeof(struct hp_market_options) == 64, "hp_market_options");

/* What a tape (a loaded or generated record sequence) holds. */
struct hp_tape_info {
	double records, snapshot_records, datagrams;
	double messages; /* groups of rows that share local_timestamp */
	double price_scale, qty_scale;
	double bad_lines;      /* did not parse */
	double off_scale;      /* price or amount that does not fit the wire */
	double first_bad_line; /* line number (1 = header), 0 = none */
	char first_bad[96];    /* that line, cut */
	char symbol[40];       /* "binance-futures BTCUSDT" */
};
_Static_assert(sizeof(struct hp_tape_info) == 208, "hp_tape_info");

struct hp_exchange_options {
	char group[16];	 /* market data goes here ... */
	char listen[16]; /* ... orders are accepted on this address */
	char ifname[16]; /* interface for the multicast; "" = routing table */
	char netns[64];
	uint32_t port, order_port;
	int32_t cpu;
	int32_t pace;			 /* enum hp_pace */
	double rate;			 /* datagrams a second (HP_PACE_RATE) */
	double speed;			 /* HP_PACE_RECORDED: 1 = as recorded, 10 = ten times faster; 0 = 1 */
	double limit;			 /* datagrams a session after the snapshot; 0 = all */
	double loss, duplicate, reorder; /* share of datagrams, 0..1 */
	double seed;			 /* of the faults */
	uint32_t snapshot_rate; /* datagrams a second while the snapshot is sent; 0 = as `rate`, at least
				   20,000 */
	uint32_t once;		/* 1: stop after one session */
	uint32_t spin;		/* 1: never sleep while in TRANSMIT */
	uint32_t reserved;
	char log[256]; /* CSV of the orders; "" = none */
};
_Static_assert(sizeof(struct hp_exchange_options) == 456, "hp_exchange_options");
_Static_assert(offsetof(struct hp_exchange_options, port) == 112, "hp_exchange_options.port");
_Static_assert(offsetof(struct hp_exchange_options, rate) == 128, "hp_exchange_options.rate");
_Static_assert(offsetof(struct hp_exchange_options, log) == 200, "hp_exchange_options.log");

/* Shared with TypeScript while the exchange runs. */
struct hp_exchange_stats {
	uint32_t state; /* enum hp_exchange_state */
	uint32_t running;
	double sessions;
	double datagrams, records;	       /* handed to the wire (duplicates included) */
	double sequenced;		       /* records given a sequence number (lost ones included) */
	double dropped, duplicated, reordered; /* datagrams, by the injected faults */
	double send_failed;		       /* the kernel refused a datagram */
	double late;			       /* datagrams sent more than 50 us after their time */
	double orders;			       /* accepted */
	double refused;			       /* well-formed but not acceptable */
	double bad_orders;		       /* not an order at all: the session is closed */
	double cancels;
	double refused_type, refused_price, refused_qty, refused_trigger, refused_id;
	double vanished;		   /* clients that went without closing in order */
	char first_refused[96];		   /* sentence about the first refused or bad order */
	struct hp_histogram tick_to_order; /* datagram handed to the wire -> order read */
};
_Static_assert(offsetof(struct hp_exchange_stats, first_refused) == 160, "hp_exchange_stats.first_refused");
_Static_assert(offsetof(struct hp_exchange_stats, tick_to_order) == 256, "hp_exchange_stats.tick_to_order");

/* ---- path: a packet through the kernel ------------------------------------------------------- */

/* Where a packet is stamped, in the order it gets there; what gives each stamp stands in ARCHITECTURE.md. */
enum hp_path_stage {
	HP_PATH_SENT = 0, /* the sender's driver has it (only wires that hand over the sender's own packet) */
	HP_PATH_IRQ = 1,  /* the hard interrupt that raised the softirq */
	HP_PATH_BACKLOG = 2,  /* queued for this core by a driver without NAPI */
	HP_PATH_RAISED = 3,   /* NET_RX softirq raised; for a packet that came later: when it came */
	HP_PATH_POLL = 4,     /* NAPI poll begins; likewise */
	HP_PATH_REDIRECT = 5, /* redirected into an AF_XDP socket */
	HP_PATH_BUILT = 6,    /* built and handed up by a driver with NAPI */
	HP_PATH_RECEIVE = 7,  /* in the stack; AF_PACKET takes its copy here */
	HP_PATH_IP = 8,	      /* IP header checked */
	HP_PATH_LOCAL = 9,    /* routed to this host */
	HP_PATH_UDP = 10,     /* UDP has the socket */
	HP_PATH_QUEUE = 11,   /* in the socket's queue, readers are being told */
	HP_PATH_WOKEN = 12,   /* a sleeping reader is woken */
	HP_PATH_RUN = 13,     /* it runs */
	HP_PATH_TAKEN = 14,   /* taken from the queue and copied */
	HP_PATH_RETURN = 15,  /* the system call returns */
	HP_PATH_STAGES = 16
};

/* How a record ended. */
enum hp_path_end { HP_PATH_OPEN = 0, HP_PATH_DONE = 1, HP_PATH_DROPPED = 2 };

/* Which packets to trace, and how many. */
struct hp_path_options {
	char address[16]; /* dotted IPv4 destination: the group, or the receiver's address */
	char ifname[16];  /* only what comes in by this interface; "" = any (xdp needs it) */
	char netns[64];	  /* namespace file of the receiver; "" = the current one */
	uint32_t port;	  /* UDP destination port */
	int32_t path; /* enum hp_rx_path: udp and uring to the read's return, packet to the tap, xdp to the
			 ring */
	uint32_t packets; /* records to keep, 1..100000 */
	uint32_t reserved[5];
};
_Static_assert(sizeof(struct hp_path_options) == 128, "hp_path_options");
_Static_assert(offsetof(struct hp_path_options, port) == 96, "hp_path_options.port");

/* Counters of a trace. */
struct hp_path_stats {
	double seen;	  /* packets with a record */
	double ended;	  /* of them, done or dropped */
	double beyond;	  /* packets after the last record was given out */
	double elsewhere; /* delivered to another socket than the first one met; their records end there */
	double untracked; /* reads of that socket that no record stands for */
	double no_room; /* packets the map from packet to record had no room for: no stage after the first */
	uint32_t last;	/* enum hp_path_stage that ends a record */
	uint32_t reserved[3];
};
_Static_assert(sizeof(struct hp_path_stats) == 64, "hp_path_stats");

/* One packet. Times are ns since hp_path_open(); negative = this packet did not get there, or not this way.
 */
struct hp_path_packet {
	double at[HP_PATH_STAGES];
	double dropped;	 /* when the kernel dropped it */
	uint32_t end;	 /* enum hp_path_end */
	uint32_t reason; /* of a drop: the kernel's number; hp_path_reason() has the name */
	uint32_t len;	 /* bytes of the UDP payload (0 with xdp) */
	uint32_t cpu;	 /* core it was received on */
	uint32_t reader; /* thread that took it; 0 = none */
	uint32_t reserved;
};
_Static_assert(sizeof(struct hp_path_packet) == 160, "hp_path_packet");
_Static_assert(offsetof(struct hp_path_packet, dropped) == 128, "hp_path_packet.dropped");

/* ---- traffic: the generator ------------------------------------------------------------------ */

/* A tape or a capture begins again when it ends before the bounds. */
enum hp_pattern {
	HP_PATTERN_BOOK = 0,	/* ten levels a side whose quantities change (bpf/generate.h) */
	HP_PATTERN_TAPE = 1,	/* the tape's records */
	HP_PATTERN_CAPTURE = 2, /* the payload of every UDP datagram of `file`, unchanged */
};

/* The traffic generator. Without a bound it goes on until it is closed. */
struct hp_traffic_options {
	struct hp_tx_options tx;
	double rate;  /* datagrams a second; 0 = flat out */
	double count; /* datagrams; 0 = no bound (tape, capture: once through, unless there is one in time) */
	double seconds;	  /* 0 = no bound */
	double first_seq; /* sequence number of the first record */
	uint32_t records; /* a datagram, 1..5 (book); 0 = 1 */
	int32_t pattern;  /* enum hp_pattern */
	uint32_t spin;	  /* 1: never sleep between datagrams */
	uint32_t reserved[5];
	char file[240]; /* the capture: pcap or pcapng, plain or .gz */
};
_Static_assert(sizeof(struct hp_traffic_options) == 496, "hp_traffic_options");
_Static_assert(offsetof(struct hp_traffic_options, file) == 256, "hp_traffic_options.file");
_Static_assert(offsetof(struct hp_traffic_options, rate) == 192, "hp_traffic_options.rate");

/* Shared with TypeScript while the generator runs. Once it has ended: datagrams = tx.sent + tx.failed +
 * unsent. */
struct hp_traffic_stats {
	uint32_t running;
	uint32_t finished; /* 1: it came to its bound; 0 after running: closed early, or `trouble` */
	double datagrams;  /* given to the path */
	double records;	   /* given a sequence number; a capture's keep what they have */
	double next_seq;   /* of the next record */
	double late;	   /* datagrams sent more than 50 us after their time */
	double unsent;	   /* datagrams the path still had when the generator ended */
	double skipped;	   /* packets of the capture that are no whole UDP datagram with a payload */
	double started_ms; /* CLOCK_REALTIME of the first datagram, ms; 0 = none yet */
	double elapsed_ns; /* from there to the last one before the closing one */
	char trouble[256]; /* why it ended by itself; "" = it has not */
	struct hp_tx_stats tx;
	struct hp_histogram send; /* cost of a flush, a datagram of it, ns (kernel: of a run) */
};
_Static_assert(offsetof(struct hp_traffic_stats, trouble) == 72, "hp_traffic_stats.trouble");
_Static_assert(offsetof(struct hp_traffic_stats, tx) == 328, "hp_traffic_stats.tx");
_Static_assert(offsetof(struct hp_traffic_stats, send) == 584, "hp_traffic_stats.send");

/* Ping-pong between two sides of a wire, over any paths. */
struct hp_pingpong_options {
	struct hp_rx_options near_rx; /* where pongs arrive; the caller's thread polls it, spinning */
	struct hp_rx_options far_rx;  /* where pings arrive; cpu: of the far side's thread */
	struct hp_tx_options near_tx; /* from here to far_rx */
	struct hp_tx_options far_tx;  /* from there to near_rx */
	double count;		      /* round trips, 1..1e9 */
	double reserved;
};
_Static_assert(sizeof(struct hp_pingpong_options) == 1360, "hp_pingpong_options");
_Static_assert(offsetof(struct hp_pingpong_options, near_tx) == 960, "hp_pingpong_options.near_tx");

/* ---- observe: tick-to-trade from outside ---------------------------------------------------- */

/* Where a record's entry is stamped. A hook that our own XDP program (path xdp) has is shared either way. */
enum hp_observe_entry {
	HP_OBSERVE_AUTO = 0, /* in XDP where the driver has it and the hook is free, else as TC */
	HP_OBSERVE_TC = 1,   /* in tc ingress, behind the allocation of the packet: the XDP hook stays free */
};

/* What to observe: the interface a strategy receives on and sends from. */
struct hp_observe_options {
	char ifname[16];
	char netns[64]; /* namespace file the interface is in; "" = the current one */
	char group[16]; /* market data: destination address ... */
	char order_address[16];
	uint32_t port; /* ... and UDP port */
	uint32_t order_port;
	int32_t entry; /* enum hp_observe_entry */
	uint32_t reserved;
};
_Static_assert(sizeof(struct hp_observe_options) == 128, "hp_observe_options");
_Static_assert(offsetof(struct hp_observe_options, port) == 112, "hp_observe_options.port");

/*
 * What entered and left. orders = matched + repeated + unmatched + overwritten. Between them they have every
 * order of the stream, but for cancels and for what `unparsed` stands for.
 */
struct hp_observe_stats {
	double datagrams;   /* of the feed */
	double records;	    /* stamped where they entered */
	double duplicates;  /* records that came again, or too late: the first stamp stays */
	double malformed;   /* datagrams not of 1..5 records of 40 bytes, or with one of another type */
	double orders;	    /* seen leaving, new ones */
	double matched;	    /* first order of a record that was stamped: in the histogram */
	double repeated;    /* further orders of the same record */
	double unmatched;   /* their record was not seen entering */
	double overwritten; /* their record entered more than 16,384 records ago: its stamp is gone */
	double cancels;	    /* quantity 0 */
	double unparsed;    /* segments with an order cut by their end, or with something else in its place */
	double resent;	    /* segments TCP sent again */
	double reserved[4];
	char note[128];			   /* where the stamps are taken */
	struct hp_histogram tick_to_trade; /* record enters the interface -> its first order leaves it */
};
_Static_assert(offsetof(struct hp_observe_stats, note) == 128, "hp_observe_stats.note");
_Static_assert(offsetof(struct hp_observe_stats, tick_to_trade) == 256, "hp_observe_stats.tick_to_trade");

/* Handles. */
struct hp_engine;
struct hp_tape;
struct hp_exchange;
struct hp_path;
struct hp_traffic;
struct hp_observer;

#include "hotpath/publisher.h"
#include "hotpath/reader.h"
#include "hotpath/capture.h"
#include "hotpath/schema.h"

/* ---- functions ----------------------------------------------------------------------------- */

/* ABI version of this build (HP_ABI_VERSION). */
HP_API int32_t hp_abi_version(void);
/* Copies the last error's sentence of this thread (UTF-8, no NUL counted); returns its length. */
HP_API int32_t hp_last_error(char *out, int32_t size);
/* The positive errno of that error: for calls that return NULL. 0: none yet. */
HP_API int32_t hp_last_errno(void);
/* CLOCK_MONOTONIC_RAW-calibrated time since the library was loaded, ns. */
HP_API double hp_clock_now(void);
/* CPU time the calling thread has used, ns: in the kernel on its behalf too, but not in softirqs. */
HP_API double hp_thread_cpu(void);
/* Pins the calling thread to a core. 0 or -errno. */
HP_API int32_t hp_pin(int32_t cpu);

/* Records one value (ns) in a histogram: for tests and for TypeScript's own stages. */
HP_API int32_t hp_histogram_record(struct hp_histogram *histogram, double ns);

/* Bytes of a book with `capacity` levels a side (a power of two, 16..65536), or -EINVAL. */
HP_API int32_t hp_book_bytes(int32_t capacity);
/* Lays an empty book out in `memory`; returns it (the same address) or NULL. */
HP_API struct hp_book *hp_book_open(void *memory, int32_t bytes, int32_t capacity);
/*
 * Applies one update. side: 1 bid, 0 ask; qty 0 removes the level. Returns 0 when it was the best level of
 * its side (before or after), 1 when it was a deeper one, -ENOENT for a removal of no known level, -ERANGE
 * for numbers off the scale.
 */
HP_API int32_t hp_book_apply(struct hp_book *book, int32_t side, double price, double qty);
/*
 * Applies `count` updates of three doubles each: price, quantity, flags (HP_FLAG_BID, HP_FLAG_SNAPSHOT), as
 * hp_tape_read() gives them. Returns how many were applied; the others were off the scale, and are counted in
 * hp_book.refused.
 */
HP_API int32_t hp_book_apply_all(struct hp_book *book, const double *updates, int32_t count);
/* Empties both sides. */
HP_API int32_t hp_book_clear(struct hp_book *book);

/* Moves `memory` onto a new memfd (same address, contents kept); returns the fd another process joins by. */
HP_API int32_t hp_share(void *memory, int32_t bytes);
/* Maps the file `path` ("/proc/PID/fd/N") over `memory`; readonly 1: writes there fault. */
HP_API int32_t hp_join(const char *path, void *memory, int32_t bytes, int32_t readonly);
/* Closes an fd that hp_share() or hp_engine_wake_fd() gave out. */
HP_API int32_t hp_unshare(int32_t fd);

/* Bytes of a seat with these ring capacities (powers of two). */
HP_API int32_t hp_seat_bytes(int32_t events, int32_t orders);
/* The address of joined seat memory as a handle for the two calls below, or NULL: not a seat. */
HP_API struct hp_seat *hp_seat_open(void *memory, int32_t bytes);
/* Sleeps until an event is in the ring or `timeout_us` passed; 1 = there is one, 0 = time-out. */
HP_API int32_t hp_seat_wait(struct hp_seat *seat, int32_t timeout_us);
/* Wakes an engine that sleeps (one byte into the pipe `wake_fd`); call when engine_waiting is set. */
HP_API int32_t hp_seat_wake(struct hp_seat *seat, int32_t wake_fd);
/* Opens the engine's wake pipe for writing from another process ("/proc/PID/fd/N"); fd or -errno. */
HP_API int32_t hp_wake_open(const char *path);
/*
 * Ties the calling process to `parent`, the process that started it: the kernel kills it when that one ends,
 * whatever it is doing then. 0, or -ESRCH when its parent is another by now.
 */
HP_API int32_t hp_die_with(int32_t parent);

/*
 * Opens the receive paths, the feed and (port != 0) the order session. With lll the book is laid out in
 * `book_memory` for `levels` a side; with any other feed the memory holds empty books that hp_books_open()
 * has laid out (`levels` is not looked at), and the engine is from then on the only one who changes them.
 * schema: what HP_FEED_SCHEMA decodes by; any other feed: NULL. Connecting may take connect_ms. NULL: see
 * hp_last_error().
 */
HP_API struct hp_engine *hp_engine_open(const struct hp_engine_options *options,
					const struct hp_schema *schema, struct hp_control *control,
					void *book_memory, int32_t book_bytes, int32_t levels);
/* Connects the order entry that was left for later. 0, also when it stands already; or -errno. Not while
 * running. */
HP_API int32_t hp_engine_connect(struct hp_engine *engine);
/*
 * Subscribes to a symbol by its name ("AAPL", 1 to 8 characters); an engine that was never asked for one
 * hears them all, and messages of the others are counted and passed over. Not while running, and not with
 * lll. 0 or -errno.
 */
HP_API int32_t hp_engine_want(struct hp_engine *engine, const char *name);
/* sizeof(struct hp_control): what `control` must hold. */
HP_API int32_t hp_control_bytes(void);
/*
 * One turn: returns the kind of the event now in control->event, HP_EVENT_NONE after spin_turns empty
 * polls (or a time-out of 10 ms when it waits), or -errno. Inline only.
 */
HP_API int32_t hp_engine_next(struct hp_engine *engine);
/* Sends an order, triggered by the event in control->event. side: 1 buy, 0 sell. Its id (>= 1), or -errno. */
HP_API double hp_engine_order(struct hp_engine *engine, int32_t side, double price, double qty);
/* Cancels (an order record with the same id and quantity 0). 0 or -errno. */
HP_API int32_t hp_engine_cancel(struct hp_engine *engine, double id);
/* The reader's choice to trust the book again after a gap. */
HP_API int32_t hp_engine_go_on(struct hp_engine *engine);
/*
 * Arms the native trigger on large notional changes (native/strategy/trigger.c): threshold in scaled
 * price x scaled quantity, qty of each order. threshold 0 disarms.
 */
HP_API int32_t hp_engine_arm(struct hp_engine *engine, double threshold, double qty);
/* Runs the loop in C on this thread, armed trigger included, until END or `ms` without any event. Kind of the
 * last event. */
HP_API int32_t hp_engine_run(struct hp_engine *engine, int32_t ms);
/*
 * Takes a seat (memory of hp_seat_bytes), before or while the thread runs. wants: bit (1 << kind) for each
 * kind of event to be told, 0 = every kind; a seat that does not want book updates takes the highest free
 * place, so that strategies count their orders from 1. Its index or -errno.
 */
HP_API int32_t hp_engine_sit(struct hp_engine *engine, struct hp_seat *seat, int32_t bytes, int32_t events,
			     int32_t orders, int32_t wants);
/* Gives a seat back: its memory may be reused once this returns. */
HP_API int32_t hp_engine_leave(struct hp_engine *engine, int32_t index);
/* The write end of the pipe that wakes a sleeping engine. */
HP_API int32_t hp_engine_wake_fd(struct hp_engine *engine);
/* Starts / stops the native thread. stop joins it. A thread whose path or link broke ends by itself: running
 * turns 0, `trouble` says why, and start() may be tried again. */
HP_API int32_t hp_engine_start(struct hp_engine *engine);
HP_API int32_t hp_engine_stop(struct hp_engine *engine);
/* Zeroes the stages' histograms (safe while running: a reader may see one torn value). */
HP_API int32_t hp_engine_reset(struct hp_engine *engine);
/*
 * Drop mode: receives and releases on this thread for `ms` without looking at a byte; what the path alone
 * takes. Datagrams received, or -errno.
 */
HP_API double hp_engine_drain(struct hp_engine *engine, int32_t ms);
/* Stops, leaves the group, detaches XDP, closes every fd, frees. Memory handed over stays the caller's. */
HP_API int32_t hp_engine_close(struct hp_engine *engine);

/* Reads a Tardis incremental_book_L2 CSV, plain or .gz, whole into memory. pack: records a datagram, 1..5. */
HP_API struct hp_tape *hp_tape_load(const char *path, int32_t pack);
/* Makes a seeded market. Same options, same tape, on every machine. */
HP_API struct hp_tape *hp_tape_generate(const struct hp_market_options *options, int32_t pack);
HP_API int32_t hp_tape_info(const struct hp_tape *tape, struct hp_tape_info *out);
/* Copies records [from, from+count) as {price, qty, flags} doubles; returns how many. */
HP_API int32_t hp_tape_read(const struct hp_tape *tape, int32_t from, int32_t count, double *out);
HP_API int32_t hp_tape_close(struct hp_tape *tape);

/* sizeof(struct hp_exchange_stats) */
HP_API int32_t hp_exchange_stats_bytes(void);
/* Opens the exchange's sockets and starts its thread; the tape must outlive it. */
HP_API struct hp_exchange *hp_exchange_open(const struct hp_exchange_options *options,
					    const struct hp_tape *tape, struct hp_exchange_stats *stats);
/* Changes pace for the sessions that follow. rate: with HP_PACE_RECORDED the speed. limit as in the options.
 */
HP_API int32_t hp_exchange_pace(struct hp_exchange *exchange, int32_t pace, double rate, double limit);
/* Zeroes the tick-to-order histogram. */
HP_API int32_t hp_exchange_reset(struct hp_exchange *exchange);
/* Ends the session, writes the log out, joins the thread, closes, frees. */
HP_API int32_t hp_exchange_close(struct hp_exchange *exchange);

/*
 * Traces the next packets of a flow through the kernel: attaches to its tracepoints until hp_path_close().
 * Needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN. stats must outlive it. NULL with a sentence, and nothing
 * attached.
 */
HP_API struct hp_path *hp_path_open(const struct hp_path_options *options, struct hp_path_stats *stats);
/* Brings the counters up to date; returns how many records have ended. */
HP_API int32_t hp_path_refresh(struct hp_path *path);
/* Copies records [from, from+count) as they are now; returns how many there were. */
HP_API int32_t hp_path_read(struct hp_path *path, int32_t from, int32_t count, struct hp_path_packet *out);
/* Why this kernel cannot show a stage (NUL-terminated, cut to size); returns its length, 0 = it can. */
HP_API int32_t hp_path_absent(struct hp_path *path, int32_t stage, char *out, int32_t size);
/* The kernel's name of a drop reason ("SOCKET_RCVBUFF", NUL-terminated); its length, or -ENOENT. */
HP_API int32_t hp_path_reason(struct hp_path *path, int32_t reason, char *out, int32_t size);
/* Detaches everything and frees. */
HP_API int32_t hp_path_close(struct hp_path *path);
/* sizeof(struct hp_traffic_stats) */
HP_API int32_t hp_traffic_stats_bytes(void);
/*
 * Opens the transmit path and starts a thread that sends on it: lll records numbered without a hole, stamped
 * in the last instant, the last of them marked HP_FLAG_LAST. Flat out, that last datagram follows after 50
 * ms, so that a receiver that was overrun has room for it and knows how much it lost. The tape
 * (HP_PATTERN_TAPE; else NULL) must outlive it. With HP_TX_KERNEL the kernel generates the book pattern by
 * itself. NULL: see hp_last_error().
 */
HP_API struct hp_traffic *hp_traffic_open(const struct hp_traffic_options *options,
					  const struct hp_tape *tape, struct hp_traffic_stats *stats);
/* Ends the run (the closing datagram is sent), joins the thread, closes, frees. */
HP_API int32_t hp_traffic_close(struct hp_traffic *traffic);
/* sizeof(struct hp_observe_stats) */
HP_API int32_t hp_observe_stats_bytes(void);
/*
 * Attaches to the interface: entry and exit of it are stamped from here on (Linux 6.6, CAP_SYS_ADMIN). To be
 * opened after the engine whose path is xdp: its program takes the one XDP hook, and the observer joins it
 * there. Everything attached goes with the handle, or with the process. NULL: see hp_last_error().
 */
HP_API struct hp_observer *hp_observer_open(const struct hp_observe_options *options);
/* Copies what was seen since open or reset, out of the kernel. 0 or -errno. */
HP_API int32_t hp_observer_read(struct hp_observer *observer, struct hp_observe_stats *stats);
/* Forgets histogram and counters, not the stamps of records whose order is still to come. 0 or -errno. */
HP_API int32_t hp_observer_reset(struct hp_observer *observer);
/* Detaches, frees. */
HP_API int32_t hp_observer_close(struct hp_observer *observer);

/*
 * Plays ping-pong on the caller's thread, the far side on one of its own: 64 bytes there and back, both
 * spinning. Records each round trip, ns. How many came back in time (50 ms), or -errno; gives up after 100
 * lost in a row.
 */
HP_API double hp_pingpong(const struct hp_pingpong_options *options, struct hp_histogram *round_trip);

#endif
