#include "hand_made.hpp"

namespace tandem::lab {

namespace {

// Packages, people and clock of both servers, in the description's order.
constexpr auto* both_servers = R"(
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q -y install --no-install-recommends sudo exim4-daemon-light rsync python3-dev python3-virtualenv postgresql \
  nginx uwsgi uwsgi-plugin-python3 memcached redis-server git cron less htop curl openssh-client openssl
for name in andrey nikolays import1c; do useradd -m -U -s /bin/bash $name; done
usermod -aG sudo,www-data andrey
usermod -aG sudo,www-data nikolays
echo 'andrey ALL=(ALL:ALL) NOPASSWD: ALL' > /etc/sudoers.d/andrey
usermod -s /bin/false import1c
groupmod -n sftponly import1c
install -d -o import1c -g sftponly /home/import1c/import
echo Europe/Moscow > /etc/timezone
ln -fs /usr/share/zoneinfo/Europe/Moscow /etc/localtime
printf '!#/bin/sh\n/usr/sbin/ntpdate -u ru.pool.ntp.org\n' > /etc/cron.daily/ntpdate
chmod 755 /etc/cron.daily/ntpdate
sed -i 's/^-m .*/-m 96/' /etc/memcached.conf
echo 'maxmemory 48mb' >> /etc/redis/redis.conf
sed -i 's/^root:.*//' /etc/aliases
echo 'root: ops@example.org' >> /etc/aliases
printf '[global]\nno-index = true\nfind-links = /srv/wheels\n' > /etc/pip.conf
chgrp www-data /www
chmod 2775 /www
systemctl restart memcached redis-server
)";

// nginx, uWSGI and Celery, which the description leaves out: a file a site, and units that are instances of the site.
constexpr auto* site_files = R"(
set -e
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=shop.test -keyout /etc/ssl/private/shop.key \
  -out /etc/ssl/certs/shop.pem 2> /dev/null
cat > /etc/nginx/sites-available/shop.test <<'TEXT'
server {
    listen 80;
    server_name shop.test www.shop.test;
    return 301 https://shop.test$request_uri;
}
server {
    listen 443 ssl;
    server_name shop.test www.shop.test;
    ssl_certificate /etc/ssl/certs/shop.pem;
    ssl_certificate_key /etc/ssl/private/shop.key;
    client_max_body_size 32m;
    add_header X-By hand;
    location /static/ {
        alias /www/shop.test/static/;
        expires 1d;
    }
    location /media/ {
        alias /www/shop.test/media/;
    }
    location / {
        include uwsgi_params;
        uwsgi_pass unix:///run/uwsgi-shop.test/socket;
    }
}
TEXT
rm -f /etc/nginx/sites-enabled/default
ln -s ../sites-available/shop.test /etc/nginx/sites-enabled/shop.test
mkdir -p /etc/uwsgi/sites
cat > /etc/uwsgi/sites/shop.test.ini <<'TEXT'
[uwsgi]
plugins = python3
base = /www/%n
chdir = %(base)
virtualenv = %(base)/env
module = shop.wsgi
uid = nikolays
gid = www-data
socket = /run/uwsgi-%n/socket
chown-socket = nikolays:www-data
chmod-socket = 660
master = true
processes = 3
threads = 2
harakiri = 40
buffer-size = 16384
env = SHOP_SECRET_KEY=made-by-hand
env = SHOP_DATABASE=shop
env = SHOP_ALLOWED_HOSTS=shop.test,www.shop.test
TEXT
cat > /etc/systemd/system/uwsgi@.service <<'TEXT'
[Unit]
Description=uWSGI of %i
After=network.target postgresql.service
[Service]
Type=notify
ExecStart=/usr/bin/uwsgi --ini /etc/uwsgi/sites/%i.ini
RuntimeDirectory=uwsgi-%i
KillSignal=SIGQUIT
Restart=always
[Install]
WantedBy=multi-user.target
TEXT
cat > /etc/default/celery-shop.test <<'TEXT'
CELERY_APP=shop
SHOP_SECRET_KEY=made-by-hand
SHOP_DATABASE=shop
SHOP_QUEUE=redis://127.0.0.1:6379/0
TEXT
cat > /etc/systemd/system/celery@.service <<'TEXT'
[Unit]
Description=Celery of %i
After=redis-server.service
[Service]
User=nikolays
Group=www-data
WorkingDirectory=/www/%i
EnvironmentFile=/etc/default/celery-%i
ExecStart=/www/%i/env/bin/celery -A ${CELERY_APP} worker -Q celery,mail --concurrency=2 -l info
[Install]
WantedBy=multi-user.target
TEXT
systemctl daemon-reload
)";

constexpr auto* on_primary = R"(
set -e
cd /www
runuser -u andrey -- git clone -q http://tre/git/shop.git shop.test
cd shop.test
runuser -u andrey -- python3 -m virtualenv -q -p python3 env
runuser -u andrey -- env/bin/pip -q install -r requirements.txt
install -d -o andrey -g www-data -m 2775 media static
install -d -o nikolays -g www-data logs st_search
echo 'a picture' > media/picture.txt
echo '# mended on the server' >> shop/urls.py
cd /
cat >> /etc/postgresql/*/main/postgresql.conf <<'TEXT'
listen_addresses = '*'
wal_level = replica
max_wal_senders = 3
wal_keep_size = 256MB
hot_standby = on
shared_buffers = 64MB
work_mem = 8MB
TEXT
echo 'host     replication     replicator      10.77.0.12/32       md5' >> $(echo /etc/postgresql/*/main/pg_hba.conf)
systemctl restart postgresql
runuser -u postgres -- psql -Xqc "create role replicator login replication password 'by hand'"
runuser -u postgres -- createuser nikolays
runuser -u postgres -- createdb -O nikolays shop
runuser -u postgres -- psql -Xqd shop -c 'create extension pg_trgm'
steps='cd /www/shop.test && for step in migrate "collectstatic --noinput"; do env/bin/python manage.py $step > /dev/null; done'
runuser -u nikolays -- env SHOP_SECRET_KEY=x SHOP_DATABASE=shop bash -c "$steps"
touch /primary_server
systemctl enable --now uwsgi@shop.test celery@shop.test
systemctl restart nginx
test -f /root/.ssh/id_ed25519 || ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
cat > /etc/cron.d/www <<'TEXT'
MAILTO=ops@example.org
0 * * * * root test -f /primary_server && rsync -a --delete --exclude=/cache/ /www/ duo:/www/
TEXT
crontab -u nikolays - <<'TEXT'
15 3 * * 1-5 cd /www/shop.test && env/bin/python manage.py clearsessions > /dev/null 2>&1
@reboot echo up | mail ops@example.org
TEXT
)";

// A cold standby: nobody is served until it takes over.
constexpr auto* on_standby = R"(
set -e
systemctl disable --now nginx uwsgi 2> /dev/null
systemctl stop postgresql
data=$(echo /var/lib/postgresql/*/main)
rm -rf "$data"
echo '*:*:*:replicator:by hand' > /var/lib/postgresql/.pgpass
chown postgres: /var/lib/postgresql/.pgpass
chmod 600 /var/lib/postgresql/.pgpass
cd /
printf 'max_wal_senders = 3\nhot_standby = on\n' >> $(echo /etc/postgresql/*/main/postgresql.conf)
runuser -u postgres -- pg_basebackup --checkpoint=fast -h 10.77.0.11 -U replicator -D "$data" -R
systemctl start postgresql
)";

// tandem's own units and files are no change of what it found.
constexpr auto* picture = R"(
show() { find "$@" ! -type d -printf '%p %y %m %u %g %s %T@ %l\n'; find "$@" -type d -printf '%p %m %u %g\n'; }
{
  show /etc /root/.ssh /home /var/spool/cron -xdev
  show /www -xdev ! -path '/www/.releases/*' ! -name '*.pyc' ! -name __pycache__ ! -name '*.log'
  systemctl list-unit-files --no-legend --state=enabled
  systemctl list-units --no-legend --plain --type=service --state=running | grep -Ev '^(user@|session|systemd)'
  cd /
  runuser -u postgres -- psql -XAtc 'select pg_postmaster_start_time(), pg_conf_load_time()'
} | grep -av tandem | sort
)";

Result<void> run_script(Lab& lab, const std::string& host, const char* script) {
  auto done = lab.run_checked(host, {"bash", "-c", script}, {.time_limit = std::chrono::minutes(10)});
  if (!done) return std::unexpected(std::move(done).error().within("setting up " + host));
  return {};
}

} // namespace

Result<void> set_up_by_hand(Lab& lab, const Progress& progress) {
  for (const auto* host : {"uno", "duo"}) {
    progress("setting " + std::string(host) + " up by hand");
    TANDEM_CHECK(run_script(lab, host, both_servers));
    TANDEM_CHECK(run_script(lab, host, site_files));
  }
  progress("the shop on uno, by hand");
  TANDEM_CHECK(run_script(lab, "uno", on_primary));
  progress("duo follows, by hand");
  TANDEM_CHECK(run_script(lab, "duo", on_standby));
  TANDEM_TRY(const auto key, lab.read_file("uno", "/root/.ssh/id_ed25519.pub"));
  TANDEM_CHECK(lab.run_checked("duo", {"bash", "-c", "cat >> /root/.ssh/authorized_keys"}, {.input = key}));
  TANDEM_CHECK(lab.run_checked("uno", {"bash", "-c",
                                       "ssh -o StrictHostKeyChecking=accept-new duo true && "
                                       "rsync -a --delete --exclude=/cache/ /www/ duo:/www/"}));
  return {};
}

Result<std::string> page_by_hand(Lab& lab, const std::string& host, const std::string& path) {
  const std::string address = host == "uno" ? "10.77.0.11" : "10.77.0.12";
  return lab.run_checked("tre", {"curl", "-ksS", "--fail", "--max-time", "30", "--resolve", "shop.test:443:" + address,
                                 "https://shop.test" + path});
}

Result<std::string> picture_of(Lab& lab, const std::string& host) {
  return lab.run_checked(host, {"bash", "-c", picture});
}

} // namespace tandem::lab
