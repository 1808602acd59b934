/* SPDX-License-Identifier: Apache-2.0
 *
 * Records as JSON lines. Fields keep their names from the recording (doc/formats/recording.md);
 * bytes that are no UTF-8 are given twice: readable, and exactly as NAME_b64.
 */
#include "base/clock.h"
#include "record/render_int.h"

struct pairs {
	struct buf *b;
};

static void put_key(struct buf *b, const char *key)
{
	buf_printf(b, ",\"%s\":", key);
}

static bool is_word(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '_' && (s.p[i] < 'a' || s.p[i] > 'z'))
			return false;
	return s.n > 0 && s.n < 32;
}

static void put_text(struct buf *b, struct span key, struct span text)
{
	buf_put_u8(b, ',');
	render_json_str(b, key);
	buf_put_u8(b, ':');
	render_json_str(b, text);
	if (span_is_utf8(text) || !is_word(key))
		return;
	buf_printf(b, ",\"%.*s_b64\":\"", (int)key.n, (const char *)key.p);
	base64_encode(text, b);
	buf_put_u8(b, '"');
}

static void put_pair(void *ctx, struct span key, struct span text, uint64_t number)
{
	struct pairs *p = ctx;

	if (span_is(key, "params"))
		return;
	/* A key is ours; one that a hostile file brings must not look like another field. */
	if (span_is(key, "seq") || span_is(key, "time") || span_is(key, "type") ||
	    span_is(key, "broken") || span_is(key, "hash"))
		return;
	if (text.p != NULL) {
		put_text(p->b, key, text);
		return;
	}
	buf_put_u8(p->b, ',');
	render_json_str(p->b, key);
	if (span_is(key, "sent"))
		buf_put_str(p->b, number != 0 ? ":true" : ":false");
	else
		buf_printf(p->b, ":%llu", (unsigned long long)number);
}

static void put_param(void *ctx, size_t i, const struct rec_param *p)
{
	struct pairs *x = ctx;

	if (i > 0)
		buf_put_u8(x->b, ',');
	if (p->is_null) {
		buf_put_str(x->b, "null");
	} else if (p->format == 0 && span_is_utf8(p->value)) {
		render_json_str(x->b, p->value);
	} else {
		buf_printf(x->b, "{\"%s\":\"", p->format == 0 ? "text_b64" : "binary_b64");
		base64_encode(p->value, x->b);
		buf_put_str(x->b, "\"}");
	}
}

int render_json_record(struct render *r, const struct rec_frame *f, bool broken)
{
	struct pairs p = {&r->b};
	char time[32];
	char hash[2 * REC_HASH_LEN + 1];

	clock_rfc3339(r->wall_us, time);
	hex_encode(f->hash, hash);
	buf_printf(&r->b, "{\"type\":\"%s\",\"seq\":%llu,\"time\":\"%s\"", rec_type_name(f->type),
	    (unsigned long long)f->seq, time);
	rec_each_pair(f, put_pair, &p);
	if (rec_text(f, "params").n > 0) {
		buf_put_str(&r->b, ",\"params\":[");
		if (rec_each_param(f, put_param, &p) != 0)
			broken = true;
		buf_put_u8(&r->b, ']');
	}
	if (broken)
		buf_put_str(&r->b, ",\"broken\":true");
	buf_printf(&r->b, ",\"hash\":\"%s\"}\n", hash);
	return render_emit(r, f->type == REC_STATEMENT ? RENDER_STATEMENT : RENDER_EVENT);
}

static void put_field(struct buf *b, const char *key, const char *value)
{
	if (value[0] == '\0')
		return;
	put_key(b, key);
	render_json_str(b, span_str(value));
}

int render_json_meta(struct render *r)
{
	const struct rec_meta *m = &r->meta;
	char time[32];

	clock_rfc3339(m->start_us, time);
	buf_printf(&r->b,
	    "{\"type\":\"meta\",\"schema\":\"sallyport/recording/"
	    "1\",\"session\":\"%s\",\"counter\":%llu,\"start\":\"%s\"",
	    m->sid, (unsigned long long)m->counter, time);
	put_field(&r->b, "gateway", m->gateway);
	put_field(&r->b, "user", m->user);
	put_field(&r->b, "person", m->person);
	put_field(&r->b, "on_behalf_of", m->on_behalf_of);
	put_field(&r->b, "target", m->target);
	put_field(&r->b, "engine", m->engine);
	put_field(&r->b, "database", m->database);
	put_field(&r->b, "login", m->login);
	put_field(&r->b, "source", m->source);
	put_field(&r->b, "client", m->client);
	put_field(&r->b, "cert", m->cert);
	put_key(&r->b, "epoch");
	buf_printf(&r->b, "%u}\n", m->epoch);
	return render_emit(r, RENDER_HEAD);
}
