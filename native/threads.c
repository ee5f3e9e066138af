/* SPDX-License-Identifier: MIT */
/* The threads that run now, and their end when the library is unloaded; see threads.h. */
#include <pthread.h>
#include <stddef.h>

#include "threads.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct owned_thread *first;

void threads_add(struct owned_thread *thread, void (*stop)(void *owner), void *owner)
{
	thread->stop = stop;
	thread->owner = owner;
	pthread_mutex_lock(&lock);
	thread->next = first;
	first = thread;
	pthread_mutex_unlock(&lock);
}

void threads_remove(struct owned_thread *thread)
{
	pthread_mutex_lock(&lock);
	for (struct owned_thread **at = &first; *at; at = &(*at)->next) {
		if (*at == thread) {
			*at = thread->next;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
}

static struct owned_thread *take_first(void)
{
	struct owned_thread *thread;

	pthread_mutex_lock(&lock);
	thread = first;
	if (thread)
		first = thread->next;
	pthread_mutex_unlock(&lock);
	return thread;
}

__attribute__((destructor)) static void stop_all(void)
{
	for (struct owned_thread *thread = take_first(); thread; thread = take_first())
		thread->stop(thread->owner);
}
