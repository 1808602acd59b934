/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel shows the memory where the arguments were; so they are copied and their place is written over.
 */
#include "server/title.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/mem.h"

static struct {
	char *at;
	size_t cap;
} room;

void title_init(int argc, char ***argv)
{
	char **copy = xcalloc((size_t)argc + 1, sizeof(char *));
	char *end = argc > 0 ? (*argv)[0] : NULL;

	for (int i = 0; i < argc; i++) {
		copy[i] = xstrdup((*argv)[i]);
		if ((*argv)[i] == end) /* one behind the other, as the kernel puts them */
			end += strlen(end) + 1;
	}
	room.at = argc > 0 ? (*argv)[0] : NULL;
	room.cap = room.at != NULL ? (size_t)(end - room.at) : 0;
	*argv = copy;
}

void title_set(const char *text)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "sp-%.*s", (int)strcspn(text, " "), text);
	(void)prctl(PR_SET_NAME, name);
	if (room.cap == 0)
		return;
	memset(room.at, 0, room.cap);
	(void)snprintf(room.at, room.cap, "sallyportd: %s", text);
}
