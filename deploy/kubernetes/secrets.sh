#!/bin/sh
# Makes the Secrets of deploy/kubernetes: a certificate authority, one certificate for all members and users, a token for the
# members and one for the user, whose text is printed once. `secrets.sh | kubectl apply -f -`; the folder they are made in is removed.
set -eu
namespace=${1:-infaas}
umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=infaas authority" \
  -keyout ca.key -out ca.crt 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=infaas" -keyout tls.key -out tls.csr 2>/dev/null
names="DNS:infaas,DNS:infaas-frontend,DNS:infaas-frontend.$namespace,DNS:infaas-frontend.$namespace.svc,DNS:localhost,IP:127.0.0.1"
printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$names" >extensions
openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 825 -extfile extensions -out tls.crt 2>/dev/null

openssl rand -hex 32 >cluster-token
token=$(openssl rand -hex 32)
digest=$(printf %s "$token" | openssl dgst -sha256 -r | cut -d' ' -f1)
printf '{"tokens":[{"sha256":"%s","tenant":"platform","roles":["query","register","operate"]}]}\n' "$digest" >tokens.json

entry() { printf '  %s: %s\n' "$1" "$(openssl base64 -A <"$1")"; }
printf 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: infaas-tls\n  namespace: %s\ntype: Opaque\ndata:\n' "$namespace"
for file in tls.crt tls.key ca.crt; do entry "$file"; done
printf -- '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: infaas-tokens\n  namespace: %s\ntype: Opaque\ndata:\n' "$namespace"
for file in cluster-token tokens.json; do entry "$file"; done
echo "the user's token, shown this once: $token" >&2
