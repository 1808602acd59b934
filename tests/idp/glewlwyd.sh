# SPDX-License-Identifier: Apache-2.0
#
# A glewlwyd (Debian's OpenID Connect provider) of our own. A library for bash, used by share/demo.sh and the tests.
#
#   glewlwyd_start DIR                     starts it, files in DIR: people alice, bob and dave (password: NAME-secret), client
#                                          "bastion" with device and code flow; sets GLW_URL (the provider's site) and GLW_ISSUER
#   glewlwyd_stop DIR
#   glewlwyd_set_groups DIR USER [G ...]   what the next login says; without a group the claim is missing
#   glewlwyd_add_user DIR USER [G ...]
#   glewlwyd_approve DIR USER CODE         what USER does in the browser with the code
#   glewlwyd_identity NAME                 prints an identity block for sallyport.yaml
# Variables: GLW_ALG (ES256, the default, or RS256), GLW_CODE_LIFE (seconds a device code lives, default 600), GLW_REDIRECT (redirect
# URI of the code flow). Plain http on 127.0.0.1: the block needs allow_http.

glewlwyd_there() { command -v glewlwyd > /dev/null 2>&1 && [ -e /usr/share/dbconfig-common/data/glewlwyd/install/sqlite3 ]; }

# glw JAR METHOD PATH [JSON]: one call of the administration's interface; prints the answer when it is no success
glw() {
    local jar=$1 method=$2 path=$3 out code
    shift 3
    out=$(curl -sS -m 20 -b "$jar" -c "$jar" -X "$method" -H 'Content-Type: application/json' ${1:+-d "$1"} -w '\n%{http_code}' "$GLW_URL/api/$path" 2>&1)
    code=${out##*$'\n'}
    case $code in
    2?? | 3??) printf '%s' "${out%$'\n'*}" ;;
    *)
        echo "glewlwyd: $method $path: $out" >&2
        return 1
        ;;
    esac
}

glw_free_port() {
    local p
    while :; do
        p=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
        (exec 3<> "/dev/tcp/127.0.0.1/$p") 2> /dev/null || {
            echo "$p"
            return
        }
    done
}

# "a","b" of the arguments
glw_list() {
    local g sep=
    for g; do
        printf '%s"%s"' "$sep" "$g"
        sep=,
    done
}

glw_conf() { # DIR PORT
    mkdir -p "$1/webapp" "$1/none"
    local f
    for f in /usr/share/glewlwyd/webapp/*; do [ "${f##*/}" = config.json ] || cp -rL "$f" "$1/webapp/"; done
    cp /usr/share/glewlwyd/templates/config.json "$1/webapp/config.json"
    cat > "$1/glewlwyd.conf" << EOF
port=$2
bind_address="127.0.0.1"
external_url="http://127.0.0.1:$2"
login_url="login.html"
api_prefix="api"
static_files_path="$1/webapp/"
log_mode="console"
log_level="WARNING"
cookie_domain="127.0.0.1"
cookie_secure=0
session_expiration=86400
session_key="GLEWLWYD2_SESSION_ID"
admin_session_authentication="cookie"
profile_session_authentication="cookie"
allow_multiple_user_per_session=true
login_api_enabled=true
max_post_size=16778240
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="/usr/lib/glewlwyd/user"
user_middleware_module_path="$1/none"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
use_secure_connection=false
secure_connection_key_file="none"
secure_connection_pem_file="none"
secure_connection_ca_file="none"
hash_algorithm="SHA512"
database = { type = "sqlite3" path = "$1/glewlwyd.db" };
static_files_mime_types = ( { extension = ".html" mime_type = "text/html" compress = 0 }, { extension = ".css" mime_type = "text/css" compress = 0 },
    { extension = ".js" mime_type = "application/javascript" compress = 0 }, { extension = ".json" mime_type = "application/json" compress = 0 } )
EOF
}

# The signing key of the tokens, as JSON strings
glw_keys() { # DIR
    case ${GLW_ALG:-ES256} in
    ES256) openssl ecparam -name prime256v1 -genkey -noout -out "$1/sign.pem" && openssl ec -in "$1/sign.pem" -pubout -out "$1/sign.pub" ;;
    RS256) openssl genrsa -out "$1/sign.pem" 2048 && openssl rsa -in "$1/sign.pem" -pubout -out "$1/sign.pub" ;;
    *) return 1 ;;
    esac > /dev/null 2>&1
}
glw_json_file() { awk '{printf "%s\\n", $0}' "$1"; }

glw_plugin() { # DIR
    local type=ecdsa claim
    [ "${GLW_ALG:-ES256}" = ES256 ] || type=rsa
    claim='"mandatory":true,"scope":[]'
    cat << EOF
{"module":"oidc","name":"oidc","display_name":"oidc","parameters":{"iss":"$GLW_ISSUER","jwt-type":"$type","jwt-key-size":"256",
"key":"$(glw_json_file "$1/sign.pem")","cert":"$(glw_json_file "$1/sign.pub")","access-token-duration":3600,"refresh-token-duration":3600,
"code-duration":600,"refresh-token-rolling":true,"allow-non-oidc":false,"jwks-show":true,"subject-type":"public",
"auth-type-code-enabled":true,"auth-type-token-enabled":false,"auth-type-id-token-enabled":false,"auth-type-none-enabled":false,
"auth-type-password-enabled":false,"auth-type-client-enabled":true,"auth-type-device-enabled":true,"auth-type-refresh-enabled":false,
"device-authorization-expiration":${GLW_CODE_LIFE:-600},"device-authorization-interval":1,"pkce-allowed":true,"pkce-method-plain-allowed":false,
"name-claim":"mandatory","email-claim":"mandatory","scope-claim":"no","claims":[
{"name":"groups","user-property":"groups","type":"string",$claim},{"name":"preferred_username","user-property":"username","type":"string",$claim},
{"name":"email_verified","user-property":"confirmed","type":"boolean","boolean-value-true":"yes","boolean-value-false":"no",$claim}]}}
EOF
}

glw_provision() { # DIR
    local jar=$1/admin.jar format secret
    glw "$jar" POST auth/ '{"username":"admin","password":"password"}' > /dev/null || return 1
    format='"data-format":{"groups":{"multiple":true,"read":true,"write":true},"confirmed":{"multiple":false,"read":true,"write":true}}'
    glw "$jar" PUT mod/user/database "{\"module\":\"database\",\"name\":\"database\",\"display_name\":\"people\",\"order_rank\":0,\"readonly\":false,\"parameters\":{\"use-glewlwyd-connection\":true,$format}}" > /dev/null &&
        glw "$jar" PUT mod/user/database/reset/ > /dev/null || return 1
    secret=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    (umask 077 && printf %s "$secret" > "$1/client.secret")
    glw "$jar" POST client/ "{\"client_id\":\"bastion\",\"name\":\"Bastion\",\"enabled\":true,\"confidential\":true,\"client_secret\":\"$secret\",
\"scope\":[],\"authorization_type\":[\"device_authorization\",\"code\"],\"redirect_uri\":[\"${GLW_REDIRECT:-https://127.0.0.1/cb}\"],
\"token_endpoint_auth_method\":[\"client_secret_basic\",\"client_secret_post\"]}" > /dev/null &&
        glw "$jar" POST mod/plugin/ "$(glw_plugin "$1")" > /dev/null &&
        glewlwyd_add_user "$1" alice analysts && glewlwyd_add_user "$1" bob dba approver && glewlwyd_add_user "$1" dave interns
}

glw_user() { # METHOD PATH DIR USER G...
    local method=$1 path=$2 dir=$3 user=$4
    shift 4
    glw "$dir/admin.jar" "$method" "$path" "{\"username\":\"$user\",\"name\":\"$user\",\"email\":\"$user@example.com\",\"enabled\":true,
\"password\":\"$user-secret\",\"scope\":[\"openid\",\"g_profile\"],\"confirmed\":\"yes\",\"groups\":[$(glw_list "$@")]}" > /dev/null
}
glewlwyd_add_user() { glw_user POST user/ "$@"; }
glewlwyd_set_groups() {
    glw "$1/admin.jar" POST auth/ '{"username":"admin","password":"password"}' > /dev/null
    glw_user PUT "user/$2" "$@"
}

glewlwyd_start() {
    local dir=$1 port i
    mkdir -p "$dir" && dir=$(cd "$dir" && pwd) || return 1
    port=$(glw_free_port)
    GLW_URL=http://127.0.0.1:$port
    GLW_ISSUER=$GLW_URL/api/oidc
    GLW_DIR=$dir
    glw_conf "$dir" "$port" && glw_keys "$dir" && rm -f "$dir/glewlwyd.db" "$dir"/*.jar &&
        sqlite3 "$dir/glewlwyd.db" < /usr/share/dbconfig-common/data/glewlwyd/install/sqlite3 > "$dir/sqlite.log" 2>&1 || return 1
    glewlwyd -c "$dir/glewlwyd.conf" > "$dir/glewlwyd.log" 2>&1 &
    echo $! > "$dir/glewlwyd.pid"
    for i in $(seq 1 100); do
        curl -sf -m 5 -o /dev/null "$GLW_URL/config" && break
        kill -0 "$(cat "$dir/glewlwyd.pid")" 2> /dev/null || break
        sleep 0.1
    done
    printf '%s\n' "$GLW_URL" > "$dir/url"
    glw_provision "$dir" && curl -sf -m 5 -o "$dir/discovery.json" "$GLW_ISSUER/.well-known/openid-configuration" || {
        echo "glewlwyd: it did not start:" >&2
        tail -20 "$dir/glewlwyd.log" >&2
        return 1
    }
}
glewlwyd_stop() {
    local pid
    pid=$(cat "$1/glewlwyd.pid" 2> /dev/null) && grep -q glewlwyd "/proc/$pid/cmdline" 2> /dev/null && kill "$pid" 2> /dev/null
    rm -f "$1/glewlwyd.pid"
}

# A browser session of USER that agreed to give the client the scope.
glw_login() { # DIR USER JAR
    rm -f "$3"
    glw "$3" POST auth/ "{\"username\":\"$2\",\"password\":\"$2-secret\"}" > /dev/null && glw "$3" PUT auth/grant/bastion '{"scope":"openid"}' > /dev/null
}
glewlwyd_approve() {
    local jar to
    GLW_URL=$(cat "$1/url") jar=$(mktemp "$1/jar.XXXXXX")
    glw_login "$1" "$2" "$jar" || return 1
    to=$(curl -sS -m 20 -b "$jar" -c "$jar" -o /dev/null -w '%{redirect_url}' "$GLW_URL/api/oidc/device?code=$3&g_continue")
    rm -f "$jar"
    case $to in *prompt=deviceComplete*) return 0 ;; esac
    echo "glewlwyd: the code $3 was not taken: ${to:-no answer}" >&2
    return 1
}

glewlwyd_identity() {
    cat << EOF
  $1: {type: oidc, issuer: "$GLW_ISSUER", client_id: bastion, secret: "file:$GLW_DIR/client.secret", user: /preferred_username,
    scopes: [openid], allow_http: true}
EOF
}
