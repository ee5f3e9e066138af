/* SPDX-License-Identifier: MIT */
/*
 * The Binance file of the shared data as book updates, for the book's test and benchmark. A parser of its
 * own, so that these two judge the book without the library's loader: it knows this one file's columns
 * (exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount) and refuses whatever it does not
 * understand.
 *
 * The file is looked for in $HOTPATH_SHARED/data/tardis, else ../shared/data/tardis as seen from the
 * repository.
 */
#ifndef HP_TARDIS_ROWS_H
#define HP_TARDIS_ROWS_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "hotpath.h"

#define TARDIS_PRICE_SCALE 1e6
#define TARDIS_QTY_SCALE   1e3
#define TARDIS_BINANCE	   "binance-futures_incremental_book_L2_2024-08-08_BTCUSDT.csv.gz"

struct tardis_row {
	double price, qty; /* scaled */
	uint32_t flags;	   /* HP_FLAG_BID, HP_FLAG_SNAPSHOT */
};

struct tardis_rows {
	struct tardis_row *row; /* malloc()ed; the caller frees it */
	size_t count;
};

/* The folder with the shared data, or NULL (and a sentence on stdout) where this machine has none. */
static const char *tardis_folder(void)
{
	static char folder[4096];
	static const char *const from[] = {"../shared", "../../shared"}; /* the repository root, native/ */
	const char *shared = getenv("HOTPATH_SHARED");
	struct stat about;

	for (size_t i = 0; i < (shared ? 1 : sizeof(from) / sizeof(*from)); i++) {
		snprintf(folder, sizeof(folder), "%s/data/tardis", shared ? shared : from[i]);
		if (!stat(folder, &about))
			return folder;
	}
	printf("no %s: set HOTPATH_SHARED to the folder that holds data/\n", folder);
	return NULL;
}

/* Puts one line's fields into `row`. 0, or -1: not such a line. */
static int tardis_parse(char *line, struct tardis_row *row)
{
	char *field[8], *rest = line, *end;
	int fields = 0;

	while (fields < 8 && (field[fields] = strsep(&rest, ",\r\n")))
		fields++;
	if (fields < 8)
		return -1;
	row->flags = 0;
	if (!strcmp(field[4], "true"))
		row->flags |= HP_FLAG_SNAPSHOT;
	else if (strcmp(field[4], "false"))
		return -1;
	if (!strcmp(field[5], "bid"))
		row->flags |= HP_FLAG_BID;
	else if (strcmp(field[5], "ask"))
		return -1;
	row->price = rint(strtod(field[6], &end) * TARDIS_PRICE_SCALE);
	if (end == field[6] || *end)
		return -1;
	row->qty = rint(strtod(field[7], &end) * TARDIS_QTY_SCALE);
	return end == field[7] || *end ? -1 : 0;
}

/* Reads the file whole. 0, or -1 with a sentence on stderr. */
static int tardis_load(const char *folder, struct tardis_rows *rows)
{
	char path[4224], line[512];
	size_t capacity = 0;
	gzFile file;
	int result = -1;

	*rows = (struct tardis_rows){0};
	snprintf(path, sizeof(path), "%s/%s", folder, TARDIS_BINANCE);
	file = gzopen(path, "rb");
	if (!file || !gzgets(file, line, sizeof(line))) {
		fprintf(stderr, "Cannot read %s\n", path);
		goto out;
	}
	while (gzgets(file, line, sizeof(line))) {
		if (rows->count == capacity) {
			capacity = capacity ? 2 * capacity : 1 << 16;
			struct tardis_row *grown = realloc(rows->row, capacity * sizeof(*grown));

			if (!grown)
				goto out;
			rows->row = grown;
		}
		if (tardis_parse(line, &rows->row[rows->count])) {
			fprintf(stderr, "Cannot parse row %zu of %s\n", rows->count + 1, path);
			goto out;
		}
		rows->count++;
	}
	result = 0;
out:
	if (file)
		gzclose(file);
	if (result) {
		free(rows->row);
		*rows = (struct tardis_rows){0};
	}
	return result;
}

#endif
