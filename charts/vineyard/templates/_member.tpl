{{- /* Starts a member of an etcd of several, with the domain of their names, these names, and the flags of a new etcd as arguments. A member
whose data went with its pod is another one to the rest, which refuses the former: it leaves for the former, and joins. Whatever this is
interrupted by, the next look at the members says what is left to do. */}}
{{- define "vineyard.member" -}}
domain=$1 members=$2
shift 2
trap 'exit 0' TERM INT
others=
for member in $members; do
  [ "$member" = "$POD_NAME" ] || others=${others:+$others,}http://$member.$domain:$CLIENT_PORT
done
ask() { etcdctl --endpoints="$others" --dial-timeout=2s --command-timeout=5s "$@"; }
say() { echo "$POD_NAME: $*" >&2; }
own=http://$POD_NAME.$domain:$PEER_PORT
while ! ls /etcd-data/member/wal/*.wal >/dev/null 2>&1 && command -v etcdctl >/dev/null; do
  if list=$(ask member list); then
    line=$(echo "$list" | grep -F " $own,")
    case $line in
      *", unstarted, "*)
        cluster=
        for member in $members; do
          url=http://$member.$domain:$PEER_PORT
          case $list in *" $url,"*) cluster=${cluster:+$cluster,}$member=$url ;; esac
        done
        set -- "$@" --initial-cluster-state=existing --initial-cluster="$cluster"
        break
        ;;
      "")
        say "it joins the etcd"
        ask member add "$POD_NAME" --peer-urls="$own" && continue
        ;;
      *)
        say "its data are gone: it leaves the etcd, to join it as a new member"
        ask member remove "${line%%,*}" && continue
        ;;
    esac
  elif [ -n "$(ask endpoint status 2>/dev/null)" ]; then
    say "the members that run are no majority, which has to come back; if its data are gone, delete all pods of the etcd at once, and then those of the workers"
  else
    # Nobody serves clients: all of them begin, or etcd itself tells what is wrong.
    break
  fi
  sleep 2 & wait $!
done
exec etcd "$@"
{{- end }}
