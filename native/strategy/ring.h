/* SPDX-License-Identifier: MIT */
/*
 * The rings of a seat (struct hp_ring in hotpath.h): single producer, single consumer, another process on
 * the other side. Every acquire and release of the project's shared memory has its name here.
 */
#ifndef HP_RING_H
#define HP_RING_H

#include <string.h>

#include "hotpath.h"

static inline uint32_t load_acquire(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}
static inline void store_release(uint32_t *p, uint32_t value)
{
	__atomic_store_n(p, value, __ATOMIC_RELEASE);
}
static inline void cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

/* Slot `index` (already masked) of an event ring, and of an order ring. */
static inline struct hp_event *seat_event(struct hp_ring *ring, uint32_t index)
{
	return (struct hp_event *)(ring + 1) + index;
}
static inline struct hp_request *seat_order(struct hp_ring *ring, uint32_t index)
{
	return (struct hp_request *)(ring + 1) + index;
}

static inline struct hp_ring *seat_events(struct hp_seat *seat)
{
	return (struct hp_ring *)((uint8_t *)seat + seat->events_offset);
}
static inline struct hp_ring *seat_orders(struct hp_seat *seat)
{
	return (struct hp_ring *)((uint8_t *)seat + seat->orders_offset);
}

#endif
