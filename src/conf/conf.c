/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading: which files, in which order, all or nothing.
 */
#include "conf/conf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"
#include "conf/conf_fill.h"

struct load {
	struct conf_build b;
	struct sha256_ctx *hash;
};

static void load_begin(struct load *l)
{
	memset(l, 0, sizeof(*l));
	l->b.mem = conf_mem_new();
	l->b.c = conf_alloc(l->b.mem, 1, sizeof(*l->b.c));
	l->b.c->mem = l->b.mem;
	l->hash = sha256_new();
	sha256_begin(l->hash);
	conf_errs_init(&l->b.errs, l->b.mem);
	conf_fill_begin(&l->b);
}

/* text must live until load_end(). */
static void load_text(struct load *l, const char *name, struct span text)
{
	struct conf_errs *e = &l->b.errs;
	const char *file = conf_strdup(l->b.mem, name);
	size_t before = e->n;
	struct cnode *root;

	if (e->n_texts == CONF_FILES_MAX) {
		if (!l->b.incomplete)
			conf_err(e, NULL, "more than %d files", CONF_FILES_MAX);
		l->b.incomplete = true;
		return;
	}
	e->texts[e->n_texts++] = (struct conf_text){file, text};
	sha256_add(l->hash, text);
	root = conf_yaml_read(l->b.mem, file, text, e);
	if (root == NULL && e->n > before)
		l->b.incomplete = true;
	else
		conf_fill_file(&l->b, root, file);
}

static int load_end(struct load *l, struct conf **out, struct buf *errs)
{
	struct conf_build *b = &l->b;
	bool ok;

	if (!b->incomplete)
		conf_fill_end(b);
	conf_check(b);
	ok = b->errs.n == 0;
	if (ok)
		conf_finish(b);
	sha256_end(l->hash, b->c->hash);
	sha256_free(l->hash);
	conf_errs_print(&b->errs, errs);
	conf_errs_clear(&b->errs);
	*out = ok ? b->c : NULL;
	if (!ok)
		conf_mem_free(b->mem);
	return ok ? 0 : E_CONFIG;
}

int conf_parse(const char *name, struct span text, struct conf **out, struct buf *errs)
{
	struct load *l = xcalloc(1, sizeof(*l));
	int rc;

	load_begin(l);
	load_text(l, name, text);
	rc = load_end(l, out, errs);
	free(l);
	return rc;
}

static void load_file(struct load *l, const char *path)
{
	struct conf_where at = {conf_strdup(l->b.mem, path), 0, 0};
	struct buf text;
	struct span copy;
	int rc;

	buf_init(&text, CONF_FILE_MAX);
	rc = file_read(path, &text);
	if (rc == 0) {
		copy =
		    span_of(conf_strndup(l->b.mem, (const char *)buf_span(&text).p, buf_len(&text)),
			buf_len(&text));
		load_text(l, path, copy);
	} else {
		conf_err(&l->b.errs, &at, "cannot be read: %s", err_str(rc));
		l->b.incomplete = true;
	}
	buf_clear(&text);
}

static int is_yaml(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 5 && strcmp(d->d_name + n - 5, ".yaml") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* conf.d beside the file; that there is none is fine. */
static void load_dir(struct load *l, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct dirent **names = NULL;
	char dir[4096], file[4096 + 300];
	int n, i;

	(void)snprintf(
	    dir, sizeof(dir), "%.*sconf.d", slash != NULL ? (int)(slash - path) + 1 : 0, path);
	n = scandir(dir, &names, is_yaml, by_name);
	if (n < 0 && errno != ENOENT) {
		struct conf_where at = {conf_strdup(l->b.mem, dir), 0, 0};

		conf_err(&l->b.errs, &at, "cannot be read: %s", err_str(-errno));
		l->b.incomplete = true;
	}
	for (i = 0; i < n; i++) {
		(void)snprintf(file, sizeof(file), "%s/%s", dir, names[i]->d_name);
		load_file(l, file);
		free(names[i]);
	}
	free(names);
}

int conf_load(const char *path, struct conf **out, struct buf *errs)
{
	struct load *l = xcalloc(1, sizeof(*l));
	int rc;

	load_begin(l);
	load_file(l, path);
	load_dir(l, path);
	rc = load_end(l, out, errs);
	free(l);
	return rc;
}

void conf_free(struct conf *c)
{
	if (c != NULL)
		conf_mem_free(c->mem);
}
