// SPDX-License-Identifier: MIT
/* The messages of a made session, byte by byte as NASDAQ's TotalView-ITCH 5.0 has them (big-endian). */
#include "lab/publisher_market.h"

/* Type, locate, tracking number, stamp: what every message begins with. */
static void begin(const struct itch *itch, uint8_t *out, char type, uint16_t symbol)
{
	out[0] = (uint8_t)type;
	put_be(out + 1, 2, symbol);
	put_be(out + 3, 2, 0);
	put_be(out + 5, 6, itch->time);
}

int itch_system(struct itch *itch, char event)
{
	uint8_t out[12];

	begin(itch, out, 'S', 0);
	out[11] = (uint8_t)event;
	return store_append(itch->store, out, sizeof(out));
}

int itch_directory(struct itch *itch, uint16_t symbol, const char *name)
{
	uint8_t out[39];

	begin(itch, out, 'R', symbol);
	memcpy(out + 11, name, 8);
	memcpy(out + 19, "Q ", 2);	    /* category, financial status */
	put_be(out + 21, 4, 100);	    /* round lot */
	memcpy(out + 25, "NCZ TN N1N", 10); /* issue, a test's authenticity, thresholds, tier, no ETP */
	put_be(out + 34, 4, 0);
	out[38] = 'N';
	return store_append(itch->store, out, sizeof(out));
}

int itch_trading(struct itch *itch, uint16_t symbol, const char *name, char state)
{
	uint8_t out[25];

	begin(itch, out, 'H', symbol);
	memcpy(out + 11, name, 8);
	out[19] = (uint8_t)state;
	memcpy(out + 20, "     ", 5); /* reserved, reason */
	return store_append(itch->store, out, sizeof(out));
}

int itch_add(struct itch *itch, const struct itch_order *order, int attributed)
{
	uint8_t out[40];

	begin(itch, out, attributed ? 'F' : 'A', order->symbol);
	put_be(out + 11, 8, order->order);
	out[19] = order->side;
	put_be(out + 20, 4, order->qty);
	memcpy(out + 24, order->name, 8);
	put_be(out + 32, 4, order->price);
	memcpy(out + 36, "HPTH", 4);
	return store_append(itch->store, out, attributed ? 40 : 36);
}

int itch_execute(struct itch *itch, const struct itch_order *order, uint32_t qty, int with_price)
{
	uint8_t out[36];

	begin(itch, out, with_price ? 'C' : 'E', order->symbol);
	put_be(out + 11, 8, order->order);
	put_be(out + 19, 4, qty);
	put_be(out + 23, 8, itch->next_match++);
	out[31] = 'Y';
	put_be(out + 32, 4, order->price);
	return store_append(itch->store, out, with_price ? 36 : 31);
}

int itch_cancel(struct itch *itch, const struct itch_order *order, uint32_t qty)
{
	uint8_t out[23];

	begin(itch, out, 'X', order->symbol);
	put_be(out + 11, 8, order->order);
	put_be(out + 19, 4, qty);
	return store_append(itch->store, out, sizeof(out));
}

int itch_delete(struct itch *itch, const struct itch_order *order)
{
	uint8_t out[19];

	begin(itch, out, 'D', order->symbol);
	put_be(out + 11, 8, order->order);
	return store_append(itch->store, out, sizeof(out));
}

int itch_replace(struct itch *itch, const struct itch_order *order, uint64_t before)
{
	uint8_t out[35];

	begin(itch, out, 'U', order->symbol);
	put_be(out + 11, 8, before);
	put_be(out + 19, 8, order->order);
	put_be(out + 27, 4, order->qty);
	put_be(out + 31, 4, order->price);
	return store_append(itch->store, out, sizeof(out));
}

int itch_trade(struct itch *itch, const struct itch_order *order, uint32_t qty)
{
	uint8_t out[44];

	begin(itch, out, 'P', order->symbol);
	put_be(out + 11, 8, 0);
	out[19] = order->side;
	put_be(out + 20, 4, qty);
	memcpy(out + 24, order->name, 8);
	put_be(out + 32, 4, order->price);
	put_be(out + 36, 8, itch->next_match++);
	return store_append(itch->store, out, sizeof(out));
}
