/* SPDX-License-Identifier: MIT */
/* Market-data files read whole: format told, decoded, sequenced, kept as books. Part of hotpath.h, which
 * includes it. */
#ifndef HOTPATH_READER_H
#define HOTPATH_READER_H

#include <stddef.h>
#include <stdint.h>

/* What a file's messages are. */
enum hp_reader_feed {
	HP_READER_ITCH50 = 0, /* a length-prefixed file, or MoldUDP64 in a capture */
	HP_READER_DEEP = 1,   /* IEX-TP in a capture */
	HP_READER_TOPS = 2,   /* likewise */
	HP_READER_LLL = 3,    /* records one behind the other, or datagrams in a capture */
	HP_READER_TARDIS = 4, /* incremental_book_L2 as CSV */
};

/* What to read, and as what. */
struct hp_reader_options {
	char files[2][1024]; /* plain or gzip; the second is line B of the first (captures), or "" */
	int32_t feed;	     /* enum hp_reader_feed; -1: what the bytes look like */
	uint32_t rows;	     /* room in `rows` of hp_reader_open(), in rows */
	double hole_ns;	     /* recorded time after which a missing packet is given up; 0 = 1 s */
	uint32_t symbols;    /* 1..65536: those the books have room for */
	uint32_t reserved;
};
_Static_assert(sizeof(struct hp_reader_options) == 2072, "hp_reader_options");
_Static_assert(offsetof(struct hp_reader_options, feed) == 2048, "hp_reader_options.feed");

/* How far it is. Written by hp_reader_open() and hp_reader_run(). */
struct hp_reader_stats {
	int32_t feed;	      /* enum hp_reader_feed */
	uint32_t capture;     /* 1: packets of a capture, 0: a file of messages */
	uint32_t rows;	      /* of best bids and offers since the last hp_reader_run() began */
	uint32_t levels_only; /* 1: price levels, not orders */
	double price_scale, qty_scale;
	double at, size;  /* bytes of the files, packed as they are: where it is, all of them */
	double messages;  /* handed to the books, in order */
	double gaps;	  /* holes given up; hp_reader_gaps() has them */
	double datagrams; /* of captures: taken ... */
	double ignored;	  /* ... of other flows ... */
	double not_udp;	  /* ... and packets that are no UDP datagram, or too little of one */
	double flows;	  /* taken */
	uint32_t stale;	  /* 1: messages are missing, and nothing has made up for that since */
	uint32_t unused;
	double reserved[3];
	char instrument[40]; /* of a CSV: its symbol; "" = symbols are named in the books */
	char trouble[512];   /* why not all of it could be read (torn, damaged); "" = nothing */
	char note[512];	     /* what was ignored in captures; "" = nothing worth saying */
};
_Static_assert(offsetof(struct hp_reader_stats, price_scale) == 16, "hp_reader_stats.price_scale");
_Static_assert(offsetof(struct hp_reader_stats, instrument) == 128, "hp_reader_stats.instrument");
_Static_assert(sizeof(struct hp_reader_stats) == 1192, "hp_reader_stats");

/* The best bid and offer after a message that changed it: both sides are there, and were before. */
struct hp_reader_row {
	double seq; /* of the message */
	double ask, ask_qty, bid, bid_qty;
	uint32_t symbol;
	uint32_t reserved;
};
_Static_assert(sizeof(struct hp_reader_row) == 48, "hp_reader_row");

struct hp_reader;

/*
 * Opens files and tells what they are: feed, scales and size are in `stats` then. `report` (messages by type,
 * faults) and `stream` (lines) are filled while it runs, and `rows` has room for options->rows best bids and
 * offers (0 and NULL: none are wanted). All of them are zero to begin with and outlive it. NULL: see
 * hp_last_error().
 */
HP_API struct hp_reader *hp_reader_open(const struct hp_reader_options *options,
					struct hp_reader_stats *stats, struct hp_report *report,
					struct hp_stream_stats *stream, struct hp_reader_row *rows);
/* Before hp_reader_start(): messages of this symbol are wanted, those of others are only counted. Without any
 * call all are. 0 or -errno. */
HP_API int32_t hp_reader_want(struct hp_reader *reader, const char *symbol);
/* Gives it the books to keep, which must outlive it. Once. 0 or -errno. */
HP_API int32_t hp_reader_start(struct hp_reader *reader, struct hp_books *books);
/*
 * Reads on for about `ms` milliseconds, or until `rows` is full. 1: there is more; 0: the end, or where the
 * file cannot be read any further (stats->trouble says so); -errno: nothing was read.
 */
HP_API int32_t hp_reader_run(struct hp_reader *reader, int32_t ms);
/* Copies the holes [from, from+count) that were given up as pairs {first, last} of sequence numbers; returns
 * how many there were. */
HP_API int32_t hp_reader_gaps(struct hp_reader *reader, int32_t from, int32_t count, double *out);
/* Closes the files, frees. Memory handed over stays the caller's. */
HP_API int32_t hp_reader_close(struct hp_reader *reader);

#endif
