/* SPDX-License-Identifier: MIT */
/* Opening sockets in another network namespace: a socket stays in the namespace it was made in. */
#ifndef HP_NETNS_H
#define HP_NETNS_H

/* Enters `path` ("" = stay). Returns an fd of the namespace left, -1 for "" and, on failure, fail(...) < -1.
 */
int netns_enter(const char *path);
/* Goes back to the namespace netns_enter() returned (and closes it); -1 is a no-op. */
void netns_leave(int before);

#endif
