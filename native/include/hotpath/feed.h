/* SPDX-License-Identifier: MIT */
/*
 * Feeds: the message every protocol is decoded into, and the report of what became of each. Part of
 * hotpath.h, which includes it.
 */
#ifndef HOTPATH_FEED_H
#define HOTPATH_FEED_H

#include <stddef.h>
#include <stdint.h>

/* Market-data protocols, framing included. */
enum hp_feed {
	HP_FEED_LLL = 0,    /* the seed laboratory's records, each with its own sequence number */
	HP_FEED_ITCH50 = 1, /* NASDAQ TotalView-ITCH 5.0 over MoldUDP64 */
	HP_FEED_DEEP = 2,   /* IEX DEEP 1.0 over IEX-TP */
	HP_FEED_TOPS = 3,   /* IEX TOPS 1.6 over IEX-TP */
	HP_FEED_SCHEMA = 4, /* what a registered schema says, over MoldUDP64 or IEX-TP */
};

/* What carries a feed's messages. */
enum hp_framing { HP_FRAMING_MOLDUDP64 = 0, HP_FRAMING_IEXTP = 1 };

/* What a message does, whatever the protocol calls it. */
enum hp_message_kind {
	HP_MESSAGE_OTHER = 0,	   /* nothing a book keeps: read `type` and the bytes */
	HP_MESSAGE_LEVEL = 1,	   /* the price level has `qty` now; 0: it is gone */
	HP_MESSAGE_ADD = 2,	   /* `order` of `qty` at `price`, last in its level */
	HP_MESSAGE_EXECUTE = 3,	   /* `qty` of `order` traded at its own price; `other`: match number */
	HP_MESSAGE_EXECUTE_AT = 4, /* `qty` of `order` traded at `price`; `other`: match number */
	HP_MESSAGE_REDUCE = 5,	   /* `qty` of `order` was cancelled */
	HP_MESSAGE_DELETE = 6,	   /* `order` is gone */
	HP_MESSAGE_REPLACE = 7,	   /* `order` became `other`: `qty` at `price`, last in its level */
	HP_MESSAGE_TRADE = 8,	   /* `qty` at `price` against an order nobody sees; `other`: match number */
	HP_MESSAGE_CROSS = 9,	   /* an auction: `qty` at `price`; `other`: match number */
	HP_MESSAGE_BREAK = 10,	   /* trade `other` (match number) did not happen */
	HP_MESSAGE_QUOTE = 11,	   /* best bid `price` x `qty`, best ask `order` (a price) x `other` */
	HP_MESSAGE_STATUS = 12, /* the symbol trades in state `other` (the wire's byte: 'H', 'P', 'Q', 'T') */
	HP_MESSAGE_IMBALANCE =
		13, /* auction: `qty` paired, `other` imbalance, `price` reference, BID flag: buy */
	HP_MESSAGE_SYSTEM =
		14, /* event `other` of the whole market (the wire's byte: 'O' 'S' 'Q' 'M' 'E' 'C') */
	HP_MESSAGE_SYMBOL = 15, /* directory: `symbol` is named `other` (8 bytes as they stand on the wire) */
	HP_MESSAGE_CLEAR = 16,	/* books begin anew: of `symbol`, or of every one (HP_SYMBOL_ALL) */
	HP_MESSAGE_KINDS = 17
};

#define HP_SYMBOL_ALL 0xffffffffu
#define HP_SYMBOLS    65536 /* a feed numbers its symbols below this */

/* hp_message.flags; the lower bits are those of enum hp_event_flags (BID, SNAPSHOT, LAST,
 * MORE); 64 is the events' own. */
enum hp_message_flags {
	HP_MESSAGE_SILENT = 16, /* a trade not to be printed: it appears in another message too */
	HP_MESSAGE_OPEN = 32, /* more messages of the same event follow: the best prices are not valid yet */
};

/* One decoded message. What its kind does not name is 0. */
struct hp_message {
	uint8_t kind; /* enum hp_message_kind */
	uint8_t type; /* the wire's own type byte; of a schema with u16 types: the number of the message in it
		       */
	uint8_t flags;	 /* HP_FLAG_*, HP_MESSAGE_* */
	uint8_t length;	 /* bytes at `bytes`, 255 = at least as many */
	uint32_t symbol; /* the feed's number of it; HP_SYMBOL_ALL: of none */
	int64_t seq;
	int64_t time_ns;      /* the sender's stamp, ns since the Unix epoch, or since midnight (ITCH) */
	int64_t price;	      /* x price_scale of the feed */
	int64_t qty;	      /* x qty_scale */
	uint64_t order;	      /* the exchange's order reference */
	uint64_t other;	      /* what the kind says */
	const uint8_t *bytes; /* as on the wire, from the type on; valid as long as the datagram is */
};
_Static_assert(sizeof(struct hp_message) == 64, "hp_message: one cache line");
_Static_assert(offsetof(struct hp_message, seq) == 8, "hp_message.seq");
_Static_assert(offsetof(struct hp_message, other) == 48, "hp_message.other");

/* What can be wrong with a message or with what carries it. Each has a counter and keeps its first example.
 */
enum hp_fault {
	HP_FAULT_FRAMING = 0,	    /* a datagram that is no packet of the protocol: nothing of it was read */
	HP_FAULT_UNKNOWN_TYPE = 1,  /* skipped by its length */
	HP_FAULT_WRONG_LENGTH = 2,  /* of a known type; skipped by the length it states */
	HP_FAULT_PAST_END = 3,	    /* a message longer than what is left of its packet: the rest is unread */
	HP_FAULT_BAD_VALUE = 4,	    /* negative or absurd price, quantity 0, a side that is none */
	HP_FAULT_UNKNOWN_ORDER = 5, /* an order reference never seen, or gone */
	HP_FAULT_DUPLICATE_ORDER = 6, /* an order reference that is live already */
	HP_FAULT_EXCESS = 7,	      /* executed or cancelled more than there is: the order is gone */
	HP_FAULT_UNKNOWN_SYMBOL = 8,  /* a number beyond the books' symbols */
	HP_FAULT_NO_ROOM = 9,	      /* the books are full: orders, levels or symbols */
	HP_FAULT_SESSION = 10,	      /* the session's name changed mid-stream */
	HP_FAULT_SEQUENCE_BACK = 11,  /* the sequence fell back without a new session */
	HP_FAULTS = 12
};

/* The first message (or packet) of its fault. */
struct hp_example {
	uint32_t length; /* bytes kept; 0 = there is none */
	uint32_t reserved;
	double seq; /* of the message; of a packet: its first; -1 = not known */
	uint8_t bytes[64];
};
_Static_assert(sizeof(struct hp_example) == 80, "hp_example");

/*
 * What became of every message. On the way from the wire to the book each is counted once in `messages`
 * under its type, and besides in `faults` when it has one.
 */
struct hp_report {
	double messages[256]; /* by type byte, good or bad, as far as framing could be read */
	double skipped;	      /* of them: not of a wanted symbol */
	double faults[HP_FAULTS];
	double reserved[3];
	struct hp_example examples[HP_FAULTS];
};
_Static_assert(offsetof(struct hp_report, skipped) == 2048, "hp_report.skipped");
_Static_assert(offsetof(struct hp_report, examples) == 2176, "hp_report.examples");
_Static_assert(sizeof(struct hp_report) == 3136, "hp_report");

/* One line (A or B, or what a re-request server sends). packets = data + heartbeats + ends + refused. */
struct hp_line_stats {
	double packets, messages;
	double heartbeats, ends;
	double refused;	      /* packets of no known framing, or of an old session */
	double won;	      /* messages this line brought first */
	double duplicates;    /* messages the other line, or this one, had brought before */
	double reordered;     /* messages that came after one with a higher number, for the first time */
	double late;	      /* messages that came after they had been given up */
	double gaps, missing; /* holes in this line's own numbers, messages in them (filled later or not) */
	double reserved[5];
};
_Static_assert(sizeof(struct hp_line_stats) == 128, "hp_line_stats");

#define HP_LINES	3 /* A, B, recovery */
#define HP_STREAM_HOLES 64

/* Lines, holes and their repair. delivered + lost + superseded + waiting = messages numbered since the
 * session was joined. */
struct hp_stream_stats {
	struct hp_line_stats lines[HP_LINES];
	double delivered;   /* messages handed to the decoder, in order */
	double gaps, lost;  /* holes given up, messages in them */
	double sessions;    /* sequence spaces begun */
	double waiting;	    /* messages held now, for a hole before them */
	double waiting_max; /* most messages held at once */
	double overflowed; /* messages thrown away for want of room while others were held: their hole grew */
	double requests;   /* sent to the re-request server */
	double timeouts;   /* requests not answered in time */
	double recovered;  /* messages the server sent that were missing */
	double gave_up;	   /* recoveries given up at their bound */
	double snapshots;  /* taken from a snapshot server */
	double snapshot_failures;
	double stale; /* 1: messages are missing that may yet come, or have been given up */
	double first_hole[HP_STREAM_HOLES],
		last_hole[HP_STREAM_HOLES]; /* the first holes given up, inclusive */
	double holes;			    /* of them in use */
	double superseded; /* messages that a snapshot held already, whether they had come or not */
	double reserved[6];
	char trouble[128]; /* why the last request or snapshot failed */
	/* A message's arrival on the line that lost minus on the one that won, ns. */
	struct hp_histogram skew;
	struct hp_histogram repair; /* from the request to the hole being closed, ns */
};
_Static_assert(offsetof(struct hp_stream_stats, delivered) == 384, "hp_stream_stats.delivered");
_Static_assert(offsetof(struct hp_stream_stats, first_hole) == 496, "hp_stream_stats.first_hole");
_Static_assert(offsetof(struct hp_stream_stats, trouble) == 1584, "hp_stream_stats.trouble");
_Static_assert(offsetof(struct hp_stream_stats, skew) == 1712, "hp_stream_stats.skew");

/*
 * Where a stream gets again what no line brought: a re-request server (UDP; MoldUDP64's or IEX-TP's requests)
 * and a snapshot server (SoupBinTCP 3.00: login, one message a packet, 'G' and the next number at the end).
 * Either may be absent. A hole is asked for; one that is too long, or that the server does not fill in time,
 * is given up, and then a snapshot is taken where there is a server for it.
 */
struct hp_recovery_options {
	char request_address[16];  /* dotted IPv4 of the re-request server; "" = none */
	char snapshot_address[16]; /* of the snapshot server; "" = none */
	char netns[64];		   /* namespace file to open the sockets in; "" = the current one */
	char username[8];	   /* of the snapshot server's login, at most 6 characters */
	char password[16];	   /* at most 10 characters */
	uint32_t request_port, snapshot_port;
	uint32_t timeout_ms;	    /* a request is repeated after; 0 = 10 */
	uint32_t attempts;	    /* requests in a row without an answer; 0 = 5 */
	uint32_t bound_ms;	    /* a hole is given up after; 0 = 1000 */
	uint32_t bound_messages;    /* longer holes are not asked for; 0 = 65536 */
	uint32_t snapshot_ms;	    /* an attempt takes at most; 0 = 10000 */
	uint32_t snapshot_attempts; /* 0 = 3 */
	uint32_t hold_messages;	    /* that wait meanwhile, at most; 0 = 65536, or 2^20 with snapshots */
	uint32_t hold_bytes;	    /* 0 = 4 MiB, or 64 MiB with snapshots */
	double snapshot_bytes;	    /* of a snapshot, at most; 0 = 1 GiB */
	uint32_t reserved[6];
};
_Static_assert(sizeof(struct hp_recovery_options) == 192, "hp_recovery_options");
_Static_assert(offsetof(struct hp_recovery_options, request_port) == 120, "hp_recovery_options.request_port");
_Static_assert(offsetof(struct hp_recovery_options, snapshot_bytes) == 160,
	       "hp_recovery_options.snapshot_bytes");

#endif
