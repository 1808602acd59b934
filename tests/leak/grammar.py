"""Tables of the generator: relations, functions and operators by result type, set-returning functions, words.

A production is text with {type} where an expression goes; "!" in front marks one that can fail on a value.
"""

S = True  # sensitive

TABLES = {
    'public.customers': [('id', 'int', 0), ('full_name', 'text', S), ('email', 'text', S), ('phone', 'text', S), ('ssn', 'text', S), ('birth_date', 'date', S),
                         ('country', 'text', 0), ('city', 'text', S), ('segment', 'text', 0), ('loyalty', 'num', 0), ('visits', 'int', 0), ('active', 'bool', 0),
                         ('created', 'ts', 0)],
    'public.orders': [('id', 'int', 0), ('customer_id', 'int', 0), ('sku', 'text', 0), ('quantity', 'int', 0), ('total', 'num', 0), ('status', 'text', 0),
                      ('tags', 'text[]', 0), ('shipped', 'date', 0), ('created', 'ts', 0)],
    'public.payments': [('id', 'int', 0), ('order_id', 'int', 0), ('card_no', 'text', S), ('iban', 'text', S), ('amount', 'num', 0), ('client_ip', 'inet', S),
                        ('paid', 'ts', 0)],
    'public.staff': [('id', 'int', 0), ('last_name', 'text', S), ('salary', 'num', S), ('password_hash', 'text', S), ('lat', 'float', S), ('lon', 'float', S),
                     ('diagnosis', 'text', S), ('home_address', 'text', S), ('boss', 'int', 0), ('grade', 'int', 0), ('team', 'text', 0)],
    'public.letters': [('ch', 'text', 0), ('n', 'int', 0), ('word', 'text', 0), ('span', 'range', 0), ('doc', 'jsonb', 0)],
    'public.notes': [('id', 'int', 0), ('stars', 'int', 0), ('title', 'text', 0)],
    'hr.customers': [('id', 'int', 0), ('label', 'text', 0), ('full_name', 'text', S), ('n', 'int', 0)],
    'hr.orders': [('id', 'int', 0), ('label', 'text', 0), ('sku', 'text', 0), ('email', 'text', S)],
    'public.contacts': [('id', 'int', 0), ('full_name', 'text', S), ('email', 'text', S), ('country', 'text', 0)],
    'public.totals': [('id', 'int', 0), ('country', 'text', 0), ('total', 'num', 0), ('orders', 'int', 0)],
}
# relations of the catalogue whose content is the same everywhere (pg_stats is not: the order of its rows, too, comes from lengths; corpus/same.txt has it)
CATALOG = {
    'pg_catalog.pg_am': [('amname', 'text', 0), ('amtype', 'text', 0)],
    'pg_catalog.pg_collation': [('collname', 'text', 0), ('collencoding', 'int', 0)],
    'pg_catalog.pg_ts_dict': [('dictname', 'text', 0), ('dictinitoption', 'text', 0)],
    'pg_catalog.pg_language': [('lanname', 'text', 0), ('lanispl', 'bool', 0)],
    'pg_catalog.pg_class': [('relname', 'text', 0), ('relnatts', 'int', 0), ('relkind', 'text', 0)],
    'pg_catalog.pg_attribute': [('attname', 'text', 0), ('attnum', 'int', 0), ('attlen', 'int', 0)],
    'pg_catalog.pg_proc': [('proname', 'text', 0), ('pronargs', 'int', 0), ('provolatile', 'text', 0)],
    'pg_catalog.pg_type': [('typname', 'text', 0), ('typlen', 'int', 0), ('typcategory', 'text', 0)],
    'pg_catalog.pg_opclass': [('opcname', 'text', 0), ('opcdefault', 'bool', 0)],
    'pg_catalog.pg_settings': [('name', 'text', 0), ('vartype', 'text', 0)],
    'information_schema.columns': [('table_name', 'text', 0), ('column_name', 'text', 0), ('ordinal_position', 'int', 0)],
}
# of which this many rows are enough; {a} is the relation's name
FEW = {'pg_proc': "{a}.proname like 'box\\_a%'", 'pg_type': "{a}.typname like 'int%'", 'pg_attribute': "{a}.attname like 'am%'", 'pg_class': "{a}.relname like '%orders%'", 'pg_opclass': "{a}.opcname like 'int%'",
       'pg_settings': "{a}.name like 'enable%'", 'pg_collation': "{a}.collname like 'C%'", 'columns': "{a}.table_name = 'orders'"}
VIEWS = ('public.contacts', 'public.totals')
WEIGHTED = ['public.customers'] * 6 + ['public.orders'] * 4 + ['public.payments'] * 3 + ['public.staff'] * 3 + ['public.letters'] * 3 + ['public.notes'] + \
    ['hr.customers'] * 2 + ['hr.orders'] * 2 + ['public.contacts'] * 2 + ['public.totals']

SQLTYPE = {'int': 'int', 'sint': 'int', 'num': 'numeric', 'text': 'text', 'bool': 'bool', 'date': 'date', 'ts': 'timestamptz', 'float': 'float8', 'jsonb': 'jsonb',
           'text[]': 'text[]', 'int[]': 'int[]', 'range': 'int4range', 'inet': 'inet', 'interval': 'interval', 'bytea': 'bytea', 'xml': 'xml', 'uuid': 'uuid',
           'tsvector': 'tsvector', 'bit': 'varbit'}
TYPES = ['text'] * 10 + ['int'] * 8 + ['num'] * 3 + ['bool'] * 4 + ['date'] * 2 + ['ts'] * 2 + ['jsonb'] * 3 + ['text[]'] * 2 + ['int[]', 'float', 'interval', 'range', 'inet',
         'bytea', 'xml', 'uuid', 'tsvector', 'bit', 'rec']
SIMPLE = ['text', 'text', 'int', 'int', 'num', 'bool', 'date']

EXPR = {
    'text': '''
left({text},{sint}) | right({text},{sint}) | substr({text},{pint},{sint}) | substring({text} from {pint} for {sint}) | substring({text} from '[a-z]+')
upper({text}) | lower({text}) | initcap({text}) | reverse({text}) | {text} || {text} | {text} || {any} | concat({text},{any}) | concat_ws('-',{text},{text})
repeat({text},{tiny}) | repeat('x',{sint}) | lpad({text},{sint},'*') | rpad({text},{sint}) | replace({text},'a',{text}) | translate({text},'abc','xyz') | btrim({text},'a')
trim(both 'A' from {text}) | ltrim({text}) | split_part({text},' ',{pint}) | split_part({text},'@',1) | md5({text}) | to_hex({int}) | chr(65 + {sint})
format('%s/%s',{any},{any}) | format('%I',{text}) | quote_literal({text}) | quote_ident({text}) | quote_nullable({any}) | regexp_replace({text},'[aeiou]','','g')
regexp_substr({text},'[a-z]+') | overlay({text} placing 'z' from {pint}) | to_char({ts},'YYYY-MM-DD') | to_char({num},'999D99') | to_char({int},'FM000') | array_to_string({text[]},',')
encode(convert_to({text},'UTF8'),'hex') | encode({bytea},'base64') | ({any})::text | cast({any} as text) | ({jsonb})->>'k' | ({jsonb})->>0 | {jsonb} #>> '{{k}}' | normalize({text}) | host({inet}) | {text} collate "C"
jsonb_typeof({jsonb}) | pg_typeof({any})::text | ({text[]})[{pint}] | ({text})::varchar(3) | ({text})::char(4) | ({text})::name::text | cast({text} as varchar(5)) | (array[{text},{text}])[{pint}]
(xpath('/k/text()',{xml}))[1]::text | split_part(({rec})::text,',',2) | text({inet}) | abbrev({inet}) | string_to_array({text},' ')::text | strip({tsvector})::text | ascii({text})::text
{text} operator(pg_catalog.||) {text} | convert_from(convert_to({text},'UTF8'),'UTF8') | left(right({text},-1),1) | jsonb_pretty({jsonb}) | ({text})::bpchar | starts_with({text},'A')::text
(jsonb_populate_record(null::public.letters,{jsonb})).word | ({rec})::text | format('%2$s %1$s',{text},{int}) | substring({text},{pint},1) | substring({text} similar 'A#"%#"' escape '#')
!({text})::regtype::text | !to_regtype({text})::text | !to_regclass({text})::text | !({text})::regproc::text | !to_regproc({text})::text | !({text})::regnamespace::text | !({text})::regrole::text
!pg_get_serial_sequence({text},'id') | !format({text},1) | !quote_literal(({text})::int) | !format_type({int},null) | !col_description({int}::oid,1) | !obj_description({int}::oid,'pg_class') | !({text})::mood::text
current_setting('search_path') | !current_setting({text}) | !current_setting({text},true) | !to_char({ts},{text}) | !({text})::"char"::text | pg_encoding_to_char({sint}) | !({text})::public.mood::text''',
    'int': '''
length({text}) | char_length({text}) | octet_length({text}) | bit_length({text}) | ascii({text}) | position('a' in {text}) | strpos({text},{text}) | extract(day from {date})::int
date_part('month',{date})::int | {int} + {int} | {int} - {int} | {int} * {tiny} | {int} % 7 | abs({int}) | sign({num})::int | cardinality({text[]}) | array_length({text[]},1) | array_upper({int[]},1)
array_position({text[]},{text}) | width_bucket({num},0,100,5) | ({bool})::int | hashtext({text}) | pg_column_size({any}) | num_nulls({any},{any}) | num_nonnulls({any},{any}) | regexp_count({text},'[aeiou]')
regexp_instr({text},'[A-Z]',2) | {date} - {date} | length({bytea}) | masklen({inet}) | family({inet}) | mod({int},5) | div({int}::numeric,3)::int | gcd({int},{int}) | floor({num})::int | round({num})::int
({num})::int | greatest({int},{int}) | least({int},{int}) | - {int} | {int} # {int} | {int} & 15 | upper({range}) | lower({range}) | ({int[]})[{pint}] | length({tsvector}) | bit_count({bytea})::int
get_byte(convert_to({text},'UTF8'),0) | jsonb_array_length(jsonb_build_array({any},{any})) | extract(year from {ts})::int | ({jsonb}->>'n')::int | ascii(left({text},1)) | ascii(substr({text},{pint},1))
array_ndims({text[]}) | cardinality(string_to_array({text},' ')) | cardinality(regexp_split_to_array({text},'a')) | strpos({text},'@') | ascii({text}) - 64 | length(({rec})::text) | scale({num}) | min_scale({num})
!({text})::int | !{int} / {int} | !{int} % {int} | !({text})::regclass::oid::int | !array_position(array[{int}],{int},{int}) | !factorial({sint})::int | !get_byte(convert_to({text},'UTF8'),{sint}) | !({int})::smallint | !({text})::bit(4)::int''',
    'bool': '''
{text} = {text} | {text} <> {text} | {text} < {text} | {text} >= {text} | {int} = {int} | {int} < {int} | {int} > {int} | {num} >= {num} | {date} < {date} | {date} = {date} | {ts} > {ts} | {text} like {pat}
{text} ilike {pat} | {text} not like {pat} | {text} ~ {re} | {text} ~* {re} | {text} similar to '[A-M]%' | {text} in ({text},{text}) | {int} in ({int},{int},{int}) | {text} not in ({text},{text}) | {int} between {int} and {int}
{text} between {text} and {text} | {int} between symmetric {int} and {int} | {any} is null | {any} is not null | {text} is distinct from {text} | {int} is not distinct from {int} | {text} = any({text[]}) | {int} = any({int[]})
{int} <> all({int[]}) | {bool} and {bool} | {bool} or {bool} | not {bool} | {bool} is true | {bool} is not false | starts_with({text},{text}) | regexp_like({text},{re}) | {text[]} @> {text[]} | {text[]} && {text[]}
{jsonb} @> {jsonb} | {jsonb} ? 'k' | {jsonb} @? '$.k' | {range} @> {int} | {range} && {range} | {range} << {range} | {inet} << '10.0.0.0/9' | {inet} < {inet} | {inet} = {inet} | ({text},{int}) = ({text},{int})
({int},{text}) < ({int},{text}) | row({int},{text}) is distinct from row({int},{text}) | {rec} is null | {rec} is not null | {text} ^@ 'A' | ({int})::bool | {tsvector} @@ 'ada'::tsquery | isfinite({date})
({date},{date}) overlaps ({date},{date}) | {float} < {float} | {interval} > {interval} | {jsonb} is not null | {uuid} < {uuid} | {bytea} < {bytea} | {text} = some (array[{text},{text}]) | {text} is normalized
{rec} = {rec} | {rec} < {rec} | {text} operator(pg_catalog.=) {text} | {text} collate "C" < {text} | {bool} = {bool} | {int}::text = {text} | {text} = chr(64 + {int}) | ascii({text}) = {int} | length({text}) = {int}
left({text},1) = {text} | ascii(left({text},1)) = {int} | {text} like '%' || {text} || '%' | {text} like {text} || '%'
!has_type_privilege({text},'usage') | !has_table_privilege({text},'select') | !has_schema_privilege({text},'usage') | !has_function_privilege({text},'execute') | !pg_has_role({text},'member') | !({text})::bool | !{text} ~ {text}
!has_column_privilege('customers',{text},'select') | !{int} / {int} > 1''',
    'num': '''
({int})::numeric | round({num},{tiny}) | {num} + {num} | {num} * {int} | {num} - {int} | sqrt(abs({num})) | ln(1 + abs({num})) | ceil({num}) | floor({num}) | trunc({num},1) | extract(epoch from {ts}) | extract(doy from {date})
abs({num}) | greatest({num},{num}) | ({float})::numeric(20,4) | nullif({num},{num}) | mod({num},7) | power({num},0.5) | ({jsonb}->>'n')::numeric | extract(day from {interval}) | !{num} / {num} | !({text})::numeric | !to_number({text},'999') | !ln({num})''',
    'float': '({num})::float8 | ({int})::float8 | {float} + {float} | sin({float}) | degrees({float}) | date_part(\'day\',{date}) | abs({float}) | !({text})::float8 | width_bucket({float},0,60,6)::float8',
    'date': '{date} + {sint} | ({ts})::date | date_trunc(\'month\',{date})::date | make_date(2020,1 + {tiny},1) | greatest({date},{date}) | {date} - {sint} | ({date} + {interval})::date | !({text})::date | !make_date({int},{sint},1) | !to_date({text},\'YYYY\')',
    'ts': 'date_trunc(\'hour\',{ts}) | ({date})::timestamptz | {ts} + {interval} | {ts} at time zone \'UTC\' at time zone \'UTC\' | to_timestamp({int}) | !({text})::timestamptz | greatest({ts},{ts}) | date_bin(\'1 day\',{ts},timestamptz \'2020-01-01\')',
    'interval': 'make_interval(days => {sint}) | age({ts},{ts}) | {ts} - {ts} | justify_days({interval}) | {sint} * interval \'1 day\' | !({text})::interval | make_interval(hours => {int} % 100)',
    'jsonb': '''
to_jsonb({any}) | jsonb_build_object('k',{any}) | jsonb_build_array({any},{any}) | to_jsonb({rec}) | jsonb_set({jsonb},'{{k}}',to_jsonb({any})) | {jsonb} || {jsonb} | {jsonb} - 'n' | jsonb_strip_nulls({jsonb}) | row_to_json({rec})::jsonb
jsonb_path_query_first({jsonb},'$.k') | ({jsonb})->'k' | to_jsonb({text[]}) | array_to_json({text[]})::jsonb | jsonb_object({text[]}) | jsonb_object(array[{text}],array[{text}]) | ({jsonb})['k'] | jsonb_path_query_array({jsonb},'$.*') | !({text})::jsonb | json_build_object({text},{any})::jsonb | jsonb_build_object({text},{int})''',
    'text[]': '''
array[{text},{text}] | string_to_array({text},' ') | regexp_split_to_array({text},'[ @.]') | {text[]} || {text[]} | {text[]} || {text} | array_append({text[]},{text}) | array_remove({text[]},{text}) | array_fill({text},array[{tiny}])
array_fill('x'::text,array[{sint}]) | ({text[]})[1:{tiny}] | ({text[]})[{tiny}:] | regexp_match({text},'([A-Z])([a-z]*)') | array_replace({text[]},{text},'r') | trim_array({text[]},0) | array_prepend({text},{text[]}) | (array_fill('x'::text,array[60]))[1:{sint}] | (array_fill('x'::text,array[60]))[{sint}:60]''',
    'int[]': 'array[{int},{int}] | {int[]} || {int} | array_fill(1,array[{sint}]) | array_positions({text[]},{text}) | ({int[]})[1:{tiny}] | (array_fill(1,array[99]))[1:{sint}] | array_remove({int[]},{int})',
    'range': 'int4range(least({int},{int}),greatest({int},{int})) | {range} * {range} | int4range({int},null) | range_merge({range},{range}) | !int4range({int},{int})',
    'inet': 'set_masklen({inet},24) | network({inet})::inet | broadcast({inet}) | {inet} + {tiny} | inet_merge({inet},{inet})::inet | !({text})::inet',
    'bytea': 'convert_to({text},\'UTF8\') | decode(md5({text}),\'hex\') | sha256(convert_to({text},\'UTF8\')) | substr({bytea},1,{sint}) | {bytea} || {bytea} | !({text})::bytea | reverse({text})::bytea',
    'xml': 'xmlelement(name k,{text}) | xmlforest({text} as a,{int} as b) | xmlconcat({xml},{xml}) | xmlcomment(translate({text},\'-\',\'\')) | xmlelement(name k,xmlattributes({text} as id)) | !xmlparse(content {text}) | xmlpi(name p,{text})',
    'uuid': 'md5({text})::uuid | !({text})::uuid',
    'tsvector': 'to_tsvector(\'simple\',{text}) | setweight({tsvector},\'A\') | array_to_tsvector({text[]}) | strip({tsvector}) | !({text})::tsvector | to_tsvector(\'english\',{text})',
    'bit': '({int})::bit(8)::varbit | {bit} || {bit} | ~ {bit} | (ascii({text}))::bit(8)::varbit',
    'rec': 'row({any},{any}) | row({text},{int}) | ({any},{any})',
}
# from a sensitive column of the first type to the wanted one
BRIDGE = {
    'text': '({date})::text | ({num})::text | host({inet}) | to_char({date},\'YYYY\') | ({float})::text',
    'int': 'length({text}) | ascii({text}) | ascii(substr({text},2,1)) | extract(day from {date})::int | strpos({text},\'a\') | ({num})::int | length({text}) | ascii(right({text},1))',
    'num': 'length({text})::numeric | extract(day from {date}) | ({float})::numeric', 'float': 'length({text})::float8 | ({num})::float8',
    'bool': '{text} > \'K\' | {text} like \'%an%\' | length({text}) > 9 | {date} > date \'1975-01-01\' | {num} > 4000 | {text} ~ \'r$\'', 'date': 'date \'2020-01-01\' + length({text})',
    'ts': 'timestamptz \'2020-01-01 00:00+00\' + length({text}) * interval \'1 hour\' | ({date})::timestamptz', 'interval': 'length({text}) * interval \'1 hour\'',
    'jsonb': 'to_jsonb({text}) | jsonb_build_object(\'k\',{text}) | to_jsonb({date})', 'text[]': 'array[{text}] | string_to_array({text},\' \')', 'int[]': 'array[length({text})]',
    'range': 'int4range(1,1 + length({text}))', 'inet': '(\'10.0.0.\' || length({text}))::inet', 'bytea': 'convert_to({text},\'UTF8\')', 'xml': 'xmlelement(name k,{text})',
    'uuid': 'md5({text})::uuid', 'tsvector': 'to_tsvector(\'simple\',{text})', 'bit': 'length({text})::bit(8)::varbit', 'rec': 'row({text},1)',
}
AGG = {
    'int': 'count(*)::int | count({any})::int | count(distinct {any})::int | sum({int})::int | max({int}) | min({int}) | bit_or({int}) | count({text})::int | (rank({int}) within group (order by {int}))::int | (percentile_disc(0.5) within group (order by {int})) | regr_count({num},{num})::int',
    'num': 'avg({int}) | sum({num}) | max({num}) | stddev({num})::numeric | var_pop({int})::numeric | (percentile_cont(0.5) within group (order by {num}))::numeric | count(*)::numeric',
    'text': 'string_agg({text},{sep}) | string_agg({text},\',\' order by {any}) | max({text}) | min({text}) | (mode() within group (order by {text})) | string_agg(distinct {text},\',\') | max({text} collate "C") | array_agg({text})::text',
    'bool': 'bool_and({bool}) | bool_or({bool}) | every({bool}) | count({any}) > 3 | max({text}) > \'M\'',
    'jsonb': 'jsonb_agg({any}) | jsonb_object_agg({text},{any}) | json_agg({any} order by {any})::jsonb | jsonb_agg({rec})', 'text[]': 'array_agg({text}) | array_agg({text} order by {any})', 'int[]': 'array_agg({int}) | array_agg(distinct {int}) | array_agg({int} order by {any})',
    'date': 'max({date}) | min({date})', 'ts': 'max({ts}) | min({ts})', 'range': 'max({range})', 'float': 'corr({float},{float}) | avg({float})', 'xml': 'xmlagg({xml})',
}
WIN = {
    'int': '(row_number() over {w})::int | (rank() over {w})::int | (dense_rank() over {w})::int | ntile({pint}) over {w} | lag({int},{pint}) over {w} | lead({int}) over {w} | first_value({int}) over {w} | (count(*) over {w})::int | (count({any}) over {w})::int | (sum({int}) over {w})::int | nth_value({int},{pint}) over {w}',
    'num': 'sum({num}) over {w} | avg({int}) over {w} | (percent_rank() over {w})::numeric | (cume_dist() over {w})::numeric | lag({num}) over {w}',
    'text': 'lag({text}) over {w} | first_value({text}) over {w} | last_value({text}) over {w} | string_agg({text},\',\') over {w} | max({text}) over {w}', 'bool': 'bool_or({bool}) over {w} | lag({bool}) over {w}',
}
# functions in FROM: text, columns
SRF = [
    ('generate_series(1,{sint})', ['int']), ('generate_series({sint},{sint} + 3)', ['int']), ('string_to_table({text},{sep})', ['text']), ('regexp_split_to_table({text},{re})', ['text']), ('unnest({text[]})', ['text']),
    ('unnest({int[]})', ['int']), ('jsonb_each_text({obj})', ['text', 'text']), ('jsonb_array_elements_text({arrj})', ['text']), ('jsonb_object_keys({obj})', ['text']), ('regexp_matches({text},{re},\'g\')', ['text[]']),
    ('generate_subscripts({text[]},1)', ['int']), ('jsonb_path_query({jsonb},\'$.*\')', ['jsonb']), ('unnest({int[]},{text[]})', ['int', 'text']), ('upper({text})', ['text']), ('abs({int})', ['int']), ('string_to_table(repeat(\'x\',{sint}),null)', ['text']),
    ('generate_series({date},{date} + {tiny},\'1 day\')', ['ts']), ('jsonb_array_elements({arrj})', ['jsonb']), ('unnest(array_fill(1,array[{sint}]))', ['int']), ('jsonb_each({obj})', ['text', 'jsonb']), ('string_to_table(left(repeat(\'x\',200),{sint}),null)', ['text']),
    ('unnest((array_fill(1,array[200]))[1:{sint}])', ['int']), ('pg_get_keywords()', ['text', 'text', 'bool', 'text', 'text']),
]
# what stays behind when a statement is over, and who reads it
EFFECT = {'bool': 'pg_try_advisory_lock({int}) | pg_try_advisory_xact_lock(1,{int}) | pg_try_advisory_lock_shared({int}) | (set_config(\'a.b\',{text},false) is null) | (setseed({frac}) is null) | (setseed(({int} % 100) / 100.0) is null)',
          'text': 'set_config(\'a.b\',{text},false) | set_config(\'application_name\',{text},false)'}
READERS = ['select classid, objid, objsubid from pg_locks where locktype = \'advisory\' order by 1, 2, 3'] * 6 + [
    'select current_setting(\'a.b\', true)', 'select random()', 'select last_value from notes_id_seq', 'select count(*) from pg_locks where locktype = \'advisory\'', 'show application_name', 'select pg_try_advisory_lock(65)',
    'select n from letters where pg_advisory_unlock(n)']

NAMES = ['x', 'case', 'n', 'k', 'full_name', 'email', 'id', 'text', 'coalesce', 'row', 'country', 'customers', 'v', 'sku', 'label', 'exists', 'count', 'u', 'array', 'q', 'length', 'upper', 'max']
# what the server calls an output column that has no name
IMPLICIT = ['case', 'coalesce', 'text', 'array', 'row', 'exists', 'upper', 'max', 'count', 'nullif', 'concat', 'string_agg', 'length', 'int4', 'substr']
ALIASES = ['c', 'o', 'p', 's', 'q', 't', 'v', 'z', 'x', 'customers', 'orders', 'm']
CTES = ['customers', 'orders', 'w', 'x', 'letters', 'contacts', 'r', 'q']


def split(text):
    return [p.strip() for line in text.strip().split('\n') for p in line.split(' | ') if p.strip()]


for table in (EXPR, BRIDGE, AGG, WIN, EFFECT):
    for t in list(table):
        table[t] = split(table[t])
        if not table[t]:
            del table[t]
