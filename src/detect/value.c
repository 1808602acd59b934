/* SPDX-License-Identifier: Apache-2.0
 *
 * One pass over the bytes stops only where something could begin: '@', '+', the first digit of a
 * run, a word that begins like a key or an IBAN. Validators then look at the neighbourhood.
 * Sources: ISO/IEC 7812 (cards), ISO 13616 (IBAN), RFC 7519 (JWT), RFC 7468 (PEM), SSA number
 * rules, vendors' documented key prefixes.
 */
#include "detect/value.h"

#include "detect/vocab.h"

#define B_WORD  0x01u /* letter, digit, _ or a byte of UTF-8 */
#define B_DIGIT 0x02u
#define B_START 0x04u /* may begin something when the byte before is no word byte */
#define B_STOP  0x08u /* may be inside something wherever it stands: @ */
#define B_KEY   0x10u /* letters of keys: A-Z a-z 0-9 _ - */
#define B_UPPER 0x20u
#define B_LOCAL 0x40u /* of an e-mail's local part */
#define B_HOST  0x80u /* of a host name */

static uint8_t bytes[256];
static bool built;

struct key_prefix {
	const char *prefix;
	uint8_t len;      /* of the prefix; filled by detect_warm() */
	uint8_t set;      /* the bytes that follow: B_KEY, or 0 = all visible ones */
	uint8_t min, max; /* how many follow; max 0: any */
};

/* Keys, tokens and password hashes; those with the same first byte stand together, longer ones
 * first. */
static struct key_prefix keys[] = {
    {"$scrypt$", 0, 0, 20, 0},
    {"$argon2", 0, 0, 20, 0},
    {"$pbkdf2", 0, 0, 20, 0},
    {"$2a$", 0, 0, 50, 0},
    {"$2b$", 0, 0, 50, 0},
    {"$2y$", 0, 0, 50, 0},
    {"$1$", 0, 0, 22, 0},
    {"$5$", 0, 0, 30, 0},
    {"$6$", 0, 0, 30, 0},
    {"$y$", 0, 0, 30, 0},
    {"AKIA", 0, B_KEY, 16, 16},
    {"ASIA", 0, B_KEY, 16, 16},
    {"AIza", 0, B_KEY, 35, 35},
    {"PuTTY-User-Key-File-", 0, 0, 10, 0},
    {"SCRAM-SHA-", 0, 0, 40, 0},
    {"SG.", 0, B_KEY, 20, 0},
    {"argon2$", 0, 0, 20, 0},
    {"bcrypt_sha256$", 0, 0, 20, 0},
    {"dckr_pat_", 0, B_KEY, 20, 0},
    {"dop_v1_", 0, B_KEY, 32, 0},
    {"github_pat_", 0, B_KEY, 22, 0},
    {"glpat-", 0, B_KEY, 20, 0},
    {"ghp_", 0, B_KEY, 36, 0},
    {"gho_", 0, B_KEY, 36, 0},
    {"ghu_", 0, B_KEY, 36, 0},
    {"ghs_", 0, B_KEY, 36, 0},
    {"ghr_", 0, B_KEY, 36, 0},
    {"hvs.", 0, B_KEY, 20, 0},
    {"hf_", 0, B_KEY, 30, 0},
    {"npm_", 0, B_KEY, 36, 0},
    {"pbkdf2_sha256$", 0, 0, 20, 0},
    {"pbkdf2_sha1$", 0, 0, 20, 0},
    {"pbkdf2:sha", 0, 0, 20, 0},
    {"pypi-", 0, B_KEY, 40, 0},
    {"rk_live_", 0, B_KEY, 10, 0},
    {"rk_test_", 0, B_KEY, 10, 0},
    {"sk_live_", 0, B_KEY, 10, 0},
    {"sk_test_", 0, B_KEY, 10, 0},
    {"sk-proj-", 0, B_KEY, 20, 0},
    {"sk-ant-", 0, B_KEY, 20, 0},
    {"scrypt:", 0, 0, 20, 0},
    {"shpat_", 0, B_KEY, 32, 32},
    {"shpss_", 0, B_KEY, 32, 32},
    {"sk-", 0, B_KEY, 40, 0},
    {"vault:v1:", 0, B_KEY, 20, 0},
    {"whsec_", 0, B_KEY, 16, 0},
    {"xoxb-", 0, B_KEY, 10, 0},
    {"xoxp-", 0, B_KEY, 10, 0},
    {"xoxa-", 0, B_KEY, 10, 0},
    {"xoxr-", 0, B_KEY, 10, 0},
    {"xoxs-", 0, B_KEY, 10, 0},
    {"xapp-", 0, B_KEY, 10, 0},
    {"ya29.", 0, B_KEY, 20, 0},
    {"{CRYPT}", 0, 0, 10, 0},
    {"{SSHA", 0, 0, 20, 0},
    {"{SHA", 0, 0, 20, 0},
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

static uint8_t first_key[256]; /* 1 + index of the first key that begins with the byte */

static void bytes_mark(const char *set, unsigned flags)
{
	for (; *set != '\0'; set++)
		bytes[(uint8_t)*set] |= (uint8_t)flags;
}

void detect_warm(void)
{
	if (built)
		return;
	for (unsigned i = 0x80; i < 0x100; i++)
		bytes[i] = B_WORD | B_LOCAL | B_HOST;
	bytes_mark(
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ", B_WORD | B_KEY | B_UPPER | B_LOCAL | B_HOST | B_START);
	bytes_mark("abcdefghijklmnopqrstuvwxyz", B_WORD | B_KEY | B_LOCAL | B_HOST);
	bytes_mark("0123456789", B_WORD | B_KEY | B_DIGIT | B_LOCAL | B_HOST | B_START);
	bytes_mark("_", B_WORD | B_KEY | B_LOCAL);
	bytes_mark("-", B_KEY | B_LOCAL | B_HOST);
	bytes_mark(".", B_LOCAL | B_HOST);
	bytes_mark("+%'", B_LOCAL);
	bytes_mark("@", B_STOP);
	bytes_mark("+(-$", B_START);
	for (size_t i = N_KEYS; i-- > 0;) {
		uint8_t c = (uint8_t)keys[i].prefix[0];

		keys[i].len = (uint8_t)strlen(keys[i].prefix);
		bytes[c] |= B_START;
		first_key[c] = (uint8_t)(i + 1);
	}
	bytes_mark("em", B_START); /* eyJ, md5 */
	vocab_warm();
	built = true;
}

/* The byte at i, 0 outside. */
static uint8_t at(struct span s, size_t i)
{
	return i < s.n ? s.p[i] : 0;
}

static bool is(struct span s, size_t i, unsigned flag)
{
	return i < s.n && (bytes[s.p[i]] & flag) != 0;
}

static size_t run(struct span s, size_t from, unsigned flag)
{
	size_t i = from;

	while (is(s, i, flag))
		i++;
	return i - from;
}

static bool begins(struct span s, size_t i, const char *lit, size_t n)
{
	return s.n - i >= n && memcmp(s.p + i, lit, n) == 0;
}

/* Does a number that begins at i stand alone? Not the tail of 3.14, a-b, 1:2. */
static bool number_begins(struct span s, size_t i)
{
	if (i == 0)
		return true;
	if (is(s, i - 1, B_WORD))
		return false;
	return !(i >= 2 && memchr(".,-/", s.p[i - 1], 4) != NULL && is(s, i - 2, B_WORD));
}

static bool number_ends(struct span s, size_t i)
{
	if (is(s, i, B_WORD))
		return false;
	return !(i + 1 < s.n && memchr(".,-/", s.p[i], 4) != NULL && is(s, i + 1, B_WORD));
}

static bool luhn(const uint8_t *d, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned v = d[n - 1 - i];

		if (i & 1)
			v = v < 5 ? 2 * v : 2 * v - 9;
		sum += v;
	}
	return sum % 10 == 0;
}

/* Issuer ranges on the first six digits, with the lengths in use. */
static const struct {
	uint32_t lo, hi;
	uint8_t min, max;
} bins[] = {
    {400000, 499999, 16, 16},
    {510000, 559999, 16, 16},
    {222100, 272099, 16, 16},
    {340000, 349999, 15, 15},
    {370000, 379999, 15, 15},
    {601100, 601199, 16, 19},
    {644000, 659999, 16, 19},
    {620000, 629999, 16, 19},
    {352800, 358999, 16, 19},
    {300000, 305999, 14, 14},
    {360000, 369999, 14, 14},
    {380000, 399999, 14, 14},
    {501800, 501899, 16, 19},
    {502000, 502099, 16, 19},
    {503800, 503899, 16, 19},
    {589300, 589399, 16, 19},
    {630400, 630499, 16, 19},
    {675900, 676399, 16, 19},
    {220000, 220499, 16, 16},
};

static bool bin_known(const uint8_t *d, size_t n)
{
	uint32_t six = 0;

	for (size_t i = 0; i < 6; i++)
		six = six * 10 + d[i];
	for (size_t i = 0; i < sizeof(bins) / sizeof(bins[0]); i++) {
		if (six >= bins[i].lo && six <= bins[i].hi && n >= bins[i].min && n <= bins[i].max)
			return true;
	}
	return false;
}

/* Digit groups as cards are written: one run, or 4-4-4-4[-3] and 4-6-4/5 with the same separator.
 */
static bool groups_fit(const uint8_t *g, size_t n)
{
	if (n == 1)
		return true;
	if (n == 3)
		return g[0] == 4 && g[1] == 6 && (g[2] == 4 || g[2] == 5);
	return (n == 4 || n == 5) && g[0] == 4 && g[1] == 4 && g[2] == 4 && g[3] == 4 &&
	       (n == 4 || g[4] <= 3);
}

static size_t card_at(struct span s, size_t from)
{
	uint8_t d[20], g[6] = {0};
	size_t i = from, n = 0, k = 0;
	uint8_t sep = 0;

	while (k < 5) {
		for (; is(s, i, B_DIGIT); i++, n++, g[k]++) {
			if (n == 19)
				return 0;
			d[n] = (uint8_t)(s.p[i] - '0');
		}
		k++;
		if ((at(s, i) != ' ' && at(s, i) != '-') || !is(s, i + 1, B_DIGIT) ||
		    (sep != 0 && at(s, i) != sep))
			break;
		if (n >= 14 && at(s, i) == ' ')
			break; /* "4111111111111111 12": the next number */
		sep = s.p[i++];
	}
	if (n < 14 || !groups_fit(g, k) || !number_ends(s, i))
		return 0;
	return bin_known(d, n) && luhn(d, n) ? i - from : 0;
}

/* 123-45-6789, with the areas, groups and serials that were never given out left aside. */
static size_t ssn_at(struct span s, size_t i)
{
	const uint8_t *p = s.p + i;

	if (s.n - i < 11 || p[3] != '-' || p[6] != '-' || run(s, i, B_DIGIT) != 3 ||
	    run(s, i + 4, B_DIGIT) != 2 || run(s, i + 7, B_DIGIT) != 4 || !number_ends(s, i + 11))
		return 0;
	if (p[0] == '9' || memcmp(p, "000", 3) == 0 || memcmp(p, "666", 3) == 0)
		return 0;
	return memcmp(p + 4, "00", 2) != 0 && memcmp(p + 7, "0000", 4) != 0 ? 11 : 0;
}

/* (202) 555-0143, 202-555-0143, 202.555.0143 */
static size_t nanp_at(struct span s, size_t from)
{
	bool paren = at(s, from) == '(';
	size_t i = from + paren;

	if (run(s, i, B_DIGIT) != 3 || s.p[i] < '2')
		return 0;
	i += 3;
	if (paren && at(s, i++) != ')')
		return 0;
	if (paren && at(s, i) == ' ')
		i++;
	else if (!paren && at(s, i) != '-' && at(s, i) != '.')
		return 0;
	else if (!paren)
		i++;
	if (run(s, i, B_DIGIT) != 3 || s.p[i] < '2' || (at(s, i + 3) != '-' && at(s, i + 3) != '.'))
		return 0;
	return run(s, i + 4, B_DIGIT) == 4 && number_ends(s, i + 8) ? i + 8 - from : 0;
}

/* +49 170 1234567: a plus, then ten to fifteen digits with single separators (E.164). */
static size_t e164_at(struct span s, size_t from)
{
	size_t i = from + 1, digits = 0, end = i;

	if (at(s, i) < '1' || at(s, i) > '9')
		return 0;
	for (; i < s.n && digits <= 15; i++) {
		if (is(s, i, B_DIGIT)) {
			digits++;
			end = i + 1;
		} else if (memchr(" -.()/", s.p[i], 6) == NULL || i > end + 1) {
			break;
		}
	}
	return digits >= 10 && digits <= 15 && number_ends(s, end) ? end - from : 0;
}

static size_t iban_length(const uint8_t *cc)
{
	static const char table[] = "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE"
				    "22DK18DO28EE20EG29ES24FI18"
				    "FO18FR27GB22GE22GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO"
				    "30KW30KZ20LB28LC32LI21LT20"
				    "LU20LV21MC27MD24ME22MK19MR27MT31MU30NL18NO15PK24PL28PS29PT25QA"
				    "29RO24RS22SA24SC31SE24SI19"
				    "SK24SM27ST25SV28TL23TN24TR26UA29VA22VG24XK20";

	for (size_t i = 0; i + 4 < sizeof(table); i += 4) {
		if (table[i] == cc[0] && table[i + 1] == cc[1])
			return (size_t)((table[i + 2] - '0') * 10 + (table[i + 3] - '0'));
	}
	return 0;
}

static unsigned mod97_add(unsigned r, uint8_t c)
{
	return c <= '9' ? (r * 10 + (c - '0')) % 97 : (r * 100 + (c - 'A' + 10)) % 97;
}

static size_t iban_at(struct span s, size_t from)
{
	uint8_t v[34];
	size_t want, n = 0, i = from;
	unsigned r = 0;

	if (!is(s, from + 1, B_UPPER) || !is(s, from + 2, B_DIGIT) || !is(s, from + 3, B_DIGIT))
		return 0;
	want = iban_length(s.p + from);
	for (; n < want && i < s.n; i++) {
		if (is(s, i, B_DIGIT | B_UPPER))
			v[n++] = s.p[i];
		else if (s.p[i] != ' ' || n % 4 != 0)
			return 0;
	}
	if (n == 0 || n < want || is(s, i, B_WORD))
		return 0;
	for (size_t k = 0; k < n; k++)
		r = mod97_add(r, v[(k + 4) % n]);
	return r == 1 ? i - from : 0;
}

/* header.payload.signature, the first two of them JSON objects in base64url. */
static size_t jwt_at(struct span s, size_t from)
{
	size_t i = from, n;

	for (int part = 0; part < 2; part++) {
		n = run(s, i, B_KEY);
		if (n < 8 || !begins(s, i, "eyJ", 3) || at(s, i + n) != '.')
			return 0;
		i += n + 1;
	}
	return i + run(s, i, B_KEY) - from;
}

static size_t pem_at(struct span s, size_t from)
{
	static const char head[] = "-----BEGIN ", tail[] = "PRIVATE KEY-----";
	size_t i = from + sizeof(head) - 1;

	if (!begins(s, from, head, sizeof(head) - 1))
		return 0;
	for (size_t n = 0; n < 24 && i < s.n; n++, i++) {
		if (begins(s, i, tail, sizeof(tail) - 1))
			return s.n - from; /* the key itself follows */
	}
	return 0;
}

static size_t visible(struct span s, size_t from)
{
	size_t i = from;

	while (i < s.n && s.p[i] > ' ' && s.p[i] != '"' && s.p[i] != 0x7f)
		i++;
	return i - from;
}

static size_t key_at(struct span s, size_t from)
{
	size_t i = first_key[s.p[from]];

	for (; i > 0 && i <= N_KEYS && (uint8_t)keys[i - 1].prefix[0] == s.p[from]; i++) {
		const struct key_prefix *k = &keys[i - 1];
		size_t n;

		if (!begins(s, from, k->prefix, k->len))
			continue;
		n = k->set != 0 ? run(s, from + k->len, k->set) : visible(s, from + k->len);
		if (n >= k->min && (k->max == 0 || n <= k->max))
			return k->len + n;
	}
	return 0;
}

/* PostgreSQL's own: md5 and 32 hexadecimal digits. */
static size_t md5_at(struct span s, size_t from)
{
	if (!begins(s, from, "md5", 3))
		return 0;
	for (size_t i = from + 3; i < from + 35; i++) {
		if (!is(s, i, B_DIGIT) && !(at(s, i) >= 'a' && at(s, i) <= 'f'))
			return 0;
	}
	return is(s, from + 35, B_WORD) ? 0 : 35;
}

static bool is_file_suffix(const uint8_t *p, size_t n)
{
	static const char *const suffixes[] = {"png", "jpg", "jpeg", "gif", "svg", "webp", "css",
	    "js", "ts", "scss", "map", "json", "html", "php", "xml", "txt", "yml", "yaml",
	    "service", "ico"};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (strlen(suffixes[i]) == n && memcmp(suffixes[i], p, n) == 0)
			return true;
	}
	return false;
}

/* The host behind an '@': labels, the last one of letters only, two to 24 of them. Returns its end
 * or 0. */
static size_t host_end(struct span s, size_t from)
{
	size_t end = from + run(s, from, B_HOST), dot;

	while (end > from && (s.p[end - 1] == '.' || s.p[end - 1] == '-'))
		end--;
	dot = end;
	while (dot > from && s.p[dot - 1] != '.')
		dot--;
	if (dot < from + 2 || end - dot < 2 || end - dot > 24 || s.p[from] == '.' ||
	    s.p[from] == '-')
		return 0;
	for (size_t i = dot; i < end; i++) {
		if (is(s, i, B_DIGIT) || s.p[i] == '-')
			return 0;
	}
	return is_file_suffix(s.p + dot, end - dot) ? 0 : end;
}

/* scheme://user:password@host */
static bool url_password(struct span s, size_t sign, size_t *from)
{
	size_t i = sign;
	bool colon = false;

	while (i > 0 && s.p[i - 1] > ' ' && s.p[i - 1] != '/' && sign - i < 512) {
		i--;
		colon |= s.p[i] == ':' && i + 1 < sign;
	}
	if (!colon || i < 3 || memcmp(s.p + i - 3, "://", 3) != 0)
		return false;
	*from = i;
	return true;
}

static bool email_at(struct span s, size_t sign, size_t floor, struct value_hit *hit)
{
	size_t from = sign, end;

	if (url_password(s, sign, &from)) {
		*hit = (struct value_hit){PII_SECRET, from, sign - from};
		return from >= floor;
	}
	while (from > floor && sign - from < 64 && is(s, from - 1, B_LOCAL))
		from--;
	end = host_end(s, sign + 1);
	if (from == sign || end == 0 ||
	    (sign - from == 3 && memcmp(s.p + from, "git", 3) == 0 && at(s, end) == ':'))
		return false;
	*hit = (struct value_hit){PII_EMAIL, from, end - from};
	return true;
}

static bool hit_set(struct value_hit *hit, enum pii_kind kind, size_t from, size_t len)
{
	if (len == 0)
		return false;
	*hit = (struct value_hit){kind, from, len};
	return true;
}

static bool number_at(struct span s, size_t i, struct value_hit *hit)
{
	if (s.n - i < 10 || !number_begins(s, i))
		return false;
	return hit_set(hit, PII_CARD, i, card_at(s, i)) ||
	       hit_set(hit, PII_NATIONAL, i, ssn_at(s, i)) ||
	       hit_set(hit, PII_PHONE, i, nanp_at(s, i));
}

/* What begins at i; the byte before is no word byte. */
static bool start_at(struct span s, size_t i, struct value_hit *hit)
{
	uint8_t c = s.p[i];

	if (bytes[c] & B_DIGIT)
		return number_at(s, i, hit);
	if (s.n - i < 10)
		return false;
	if (c == '+')
		return hit_set(hit, PII_PHONE, i, e164_at(s, i));
	if (c == '(')
		return hit_set(hit, PII_PHONE, i, nanp_at(s, i));
	if (c == '-')
		return hit_set(hit, PII_SECRET, i, pem_at(s, i));
	if ((bytes[c] & B_UPPER) && hit_set(hit, PII_IBAN, i, iban_at(s, i)))
		return true;
	if (c == 'e')
		return hit_set(hit, PII_SECRET, i, jwt_at(s, i));
	if (c == 'm')
		return hit_set(hit, PII_SECRET, i, md5_at(s, i));
	return hit_set(hit, PII_SECRET, i, key_at(s, i));
}

bool detect_value_next(struct span value, size_t from, struct value_hit *hit)
{
	bool word; /* is the byte before one of a word? */

	if (!built)
		detect_warm();
	word = from > 0 && is(value, from - 1, B_WORD);
	for (size_t i = from; i < value.n; i++) {
		uint8_t b = bytes[value.p[i]];

		if ((b & B_START) && !word && start_at(value, i, hit))
			return true;
		if ((b & B_STOP) && email_at(value, i, from, hit))
			return true;
		word = (b & B_WORD) != 0;
	}
	return false;
}

enum pii_kind detect_value(struct span value)
{
	struct value_hit hit;

	if (value.n < 6)
		return PII_NONE;
	return detect_value_next(value, 0, &hit) ? hit.kind : PII_NONE;
}
