/* SPDX-License-Identifier: MIT */
/* The lab's publisher of market data: ITCH 5.0 as MoldUDP64 on two lines with faults, a re-request server,
 * snapshots. Part of hotpath.h, which includes it. */
#ifndef HOTPATH_PUBLISHER_H
#define HOTPATH_PUBLISHER_H

#include <stddef.h>
#include <stdint.h>

#define HP_PUBLISHER_LINES 2

enum hp_publisher_state {
	HP_PUBLISHER_HELD = 0,	     /* waits for hp_publisher_go(); heartbeats go on */
	HP_PUBLISHER_PUBLISHING = 1, /* messages leave as their time comes */
	HP_PUBLISHER_ENDING = 2,     /* all are out: the end of the session is repeated */
	HP_PUBLISHER_ENDED = 3,	     /* the lines are silent; both servers go on until it is closed */
};

/* What happens to the datagrams of one line on purpose. Heartbeats and ends are spared. */
struct hp_publisher_faults {
	double loss, duplicate, reorder; /* shares of the datagrams, 0..1 each */
	double distance;		 /* datagrams that overtake a reordered one, 1..1000; 0 = 1 */
	double skew_us;			 /* the line sends this much after the schedule, up to 1e7 */
	double seed;			 /* 0..2^53 */
	double reserved[2];
};
_Static_assert(sizeof(struct hp_publisher_faults) == 64, "hp_publisher_faults");

/* The re-request server: MoldUDP64 request packets in, downstream packets back to who asked. */
struct hp_publisher_requests {
	char address[16]; /* it is bound to */
	char netns[64];	  /* namespace file; "" = the current one */
	uint32_t port;	  /* 0 = there is none */
	uint32_t refuse;  /* 1: reads, counts and does not answer */
	double delay_us;  /* an answer leaves this much after its request, up to 1e7 */
	double loss;	  /* share of the answers lost, 0..1 */
	double seed;	  /* of that, 0..2^53 */
	double reserved[2];
};
_Static_assert(sizeof(struct hp_publisher_requests) == 128, "hp_publisher_requests");
_Static_assert(offsetof(struct hp_publisher_requests, delay_us) == 88, "hp_publisher_requests.delay_us");

/* The snapshot server: SoupBinTCP 3.00, one snapshot a login. */
struct hp_publisher_snapshots {
	char address[16];
	char netns[64];
	uint32_t port; /* 0 = there is none */
	uint32_t reserved;
	char user[8];	   /* who may log in, at most 6 characters; "" = anybody */
	char password[16]; /* at most 10 */
	double login_ms;   /* for the login to come; 0 = 30,000 */
	double silence_ms; /* a client not heard of for so long is dead; 0 = 15,000 */
};
_Static_assert(sizeof(struct hp_publisher_snapshots) == 128, "hp_publisher_snapshots");
_Static_assert(offsetof(struct hp_publisher_snapshots, login_ms) == 112, "hp_publisher_snapshots.login_ms");

struct hp_publisher_options {
	struct hp_tx_options lines[HP_PUBLISHER_LINES]; /* A and B; port 0: there is no B */
	struct hp_publisher_faults faults[HP_PUBLISHER_LINES];
	struct hp_publisher_requests requests;
	struct hp_publisher_snapshots snapshots;
	struct hp_market_options market; /* of the seeded market: without file and tape */
	double symbols;			 /* of the seeded market, 1..64; 0 = 1 */
	int32_t pace;			 /* enum hp_pace; recorded: by the messages' own stamps */
	uint32_t pack; /* messages a datagram, 1..1000; 0 = those of one stamp. Never above 1,400 bytes */
	double rate;   /* datagrams a second (HP_PACE_RATE) */
	double speed;  /* HP_PACE_RECORDED: times faster; 0 = 1 */
	double gap_ms; /* recorded pauses are cut to this much of the recording's time; 0 = 1,000 */
	double heartbeat_ms; /* a line that is silent for so long says it is there; 0 = 1,000 */
	double end_ms;	     /* how long the end of the session is repeated; 0 = 5,000 */
	uint32_t hold;	     /* 1: nothing is published before hp_publisher_go() */
	int32_t cpu;	     /* core of the publishing thread; -1 = any */
	char session[16];    /* 1 to 10 characters */
	char file[240]; /* ITCH 5.0, each message behind its length (u16), plain or .gz, 2 GiB unpacked at
			   most; "" = the tape, or the seeded market */
	double reserved[2];
};
_Static_assert(sizeof(struct hp_publisher_options) == 1168, "hp_publisher_options");
_Static_assert(offsetof(struct hp_publisher_options, symbols) == 832, "hp_publisher_options.symbols");
_Static_assert(offsetof(struct hp_publisher_options, file) == 912, "hp_publisher_options.file");

/*
 * One line. Of the publisher's datagrams each line loses `lost` and sends the others, `duplicated` of them
 * twice: datagrams (+ those that still wait for their time) = publisher's datagrams - lost + duplicated.
 */
struct hp_publisher_line {
	double datagrams, messages; /* of data given to the path, duplicates included */
	double lost, lost_messages; /* on purpose */
	double duplicated;	    /* sent twice */
	double reordered;	    /* sent after at least one that follows them */
	double heartbeats, ends;
	double reserved[8];
	struct hp_tx_stats tx; /* what became of all of them */
};
_Static_assert(sizeof(struct hp_publisher_line) == 384, "hp_publisher_line");
_Static_assert(offsetof(struct hp_publisher_line, tx) == 128, "hp_publisher_line.tx");

/* requests = served + waiting + lost + refused + failed + overflowed + malformed + wrong_session +
 * out_of_range. */
struct hp_publisher_request_stats {
	double requests; /* packets that came */
	double served, messages;
	double lost;	      /* answers, on purpose */
	double refused;	      /* not answered because it was told to refuse */
	double failed;	      /* answers the kernel did not take */
	double overflowed;    /* requests beyond the 4,096 that may wait for their delay */
	double malformed;     /* no 20 bytes, or for no message */
	double wrong_session; /* of another session */
	double out_of_range;  /* from a message on that was not published yet, or from 0 */
	double overrun;	      /* packets the socket had no room for: never seen */
	double reserved[5];
};
_Static_assert(sizeof(struct hp_publisher_request_stats) == 128, "hp_publisher_request_stats");

struct hp_publisher_snapshot_stats {
	double connections;
	double turned_away; /* connections beyond the 16 that are served at a time */
	double logins;
	double rejected_user, rejected_session; /* logins, with J */
	double snapshots;			/* sent whole */
	double orders;				/* in the last one made */
	double next_seq;			/* ... and the number its G said */
	double failed;				/* not made: no memory */
	double logouts;
	double vanished;    /* clients gone before their snapshot was whole */
	double bad_packets; /* no SoupBinTCP of a client: its connection was closed */
	double timeouts;    /* clients that did not log in, or fell silent */
	double reserved[3];
};
_Static_assert(sizeof(struct hp_publisher_snapshot_stats) == 128, "hp_publisher_snapshot_stats");

/* Shared with TypeScript while the publisher runs. */
struct hp_publisher_stats {
	uint32_t state; /* enum hp_publisher_state */
	uint32_t reserved_state;
	double messages, source_bytes; /* of the session, lengths included */
	double symbols;		       /* of it: names told */
	double torn;		       /* bytes at its end that are no whole message: left out */
	double published;	       /* messages given to the lines: numbers 1 to this */
	double datagrams;	       /* given to each line, before its faults */
	double late;		       /* datagrams more than 50 us after their time */
	double reserved[4];
	char trouble[256]; /* why it ended by itself; "" = it has not */
	struct hp_publisher_line lines[HP_PUBLISHER_LINES];
	struct hp_publisher_request_stats requests;
	struct hp_publisher_snapshot_stats snapshots;
};
_Static_assert(offsetof(struct hp_publisher_stats, trouble) == 96, "hp_publisher_stats.trouble");
_Static_assert(offsetof(struct hp_publisher_stats, lines) == 352, "hp_publisher_stats.lines");
_Static_assert(offsetof(struct hp_publisher_stats, requests) == 1120, "hp_publisher_stats.requests");
_Static_assert(sizeof(struct hp_publisher_stats) == 1376, "hp_publisher_stats");

struct hp_publisher;
struct hp_tape;

/* sizeof(struct hp_publisher_stats) */
HP_API int32_t hp_publisher_stats_bytes(void);
/*
 * Reads the file, or makes ITCH messages of the tape (NULL: of the seeded market); opens lines and servers,
 * each in its namespace, and starts. The tape may be closed afterwards. NULL: see hp_last_error().
 */
HP_API struct hp_publisher *hp_publisher_open(const struct hp_publisher_options *options,
					      const struct hp_tape *tape, struct hp_publisher_stats *stats);
/* Publishes on, up to message number `until` and holds there; 0 = to the end. 0 or -errno. */
HP_API int32_t hp_publisher_go(struct hp_publisher *publisher, double until);
/* Holds at what was published. 0 or -errno. */
HP_API int32_t hp_publisher_hold(struct hp_publisher *publisher);
/* What the re-request server does with the requests from now on: as in the options. 0 or -errno. */
HP_API int32_t hp_publisher_serve(struct hp_publisher *publisher, int32_t refuse, double delay_us,
				  double loss);
/*
 * Copies the length and bytes of message `number` (from 1) of the source into `out`; how many bytes, or
 * -errno.
 */
HP_API int32_t hp_publisher_read(struct hp_publisher *publisher, double number, void *out, int32_t size);
/* Ends its threads, closes lines and servers, frees. */
HP_API int32_t hp_publisher_close(struct hp_publisher *publisher);

#endif
