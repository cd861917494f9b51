// What a stranger finds who looks at the servers from outside.
#include "base/text.hpp"
#include "pair_fixture.hpp"

#include <gmock/gmock.h>

namespace tandem::lab {

using testing::HasSubstr;
using testing::Not;

namespace {

class Outside : public PairTest {
protected:
  void prepare() override {
    on(lab(), "tre",
       "apt-get -q update && apt-get -q -y install --no-install-recommends sslscan postgresql-client-common "
       "postgresql-client");
  }
};

} // namespace

TEST_F(Outside, PostgreSQLAnswersNobodyButThePair) {
  for (const auto* host : {"uno", "duo"})
    for (const auto* user : {"replicator", "postgres", "nikolays"})
      for (const auto* mode : {"require", "disable"})
        for (const auto* more : {"dbname=postgres", "dbname=shop", "dbname=postgres replication=true"}) {
          const auto said = on(lab(), "tre",
                               fmt::format("PGPASSWORD=x psql -XAtc 'select 1' 'host={} user={} sslmode={} {}' 2>&1; "
                                           "echo status $?",
                                           address_of(host), user, mode, more));
          EXPECT_THAT(said, HasSubstr("no pg_hba.conf entry")) << host << " " << user << " " << mode << " " << more;
          EXPECT_THAT(said, HasSubstr("status 2"));
        }
}

// By a scanner that knows nothing of nginx.
TEST_F(Outside, TlsIsAsItShouldBeTodayAndUnknownNamesGetNothing) {
  for (const auto* host : {"uno", "duo"}) {
    SCOPED_TRACE(host);
    const auto found =
        on(lab(), "tre", "sslscan --no-colour --sni-name=shop.test " + address_of(host) + ":443 | tr -s ' '");
    for (const auto* old : {"SSLv2 disabled", "SSLv3 disabled", "TLSv1.0 disabled", "TLSv1.1 disabled"})
      EXPECT_THAT(found, HasSubstr(old));
    for (const auto* modern : {"TLSv1.2 enabled", "TLSv1.3 enabled"})
      EXPECT_THAT(found, HasSubstr(modern));
    for (const auto* weak : {"RC4", "3DES", "DES-CBC", "NULL", "EXP", "anonymous", "TLSv1.2 vulnerable"})
      EXPECT_THAT(found, Not(HasSubstr(weak)));
    const auto stranger =
        "curl -sk -o /dev/null -w '%{http_code}' --max-time 20 --resolve other.test:443:" + address_of(host) +
        " --resolve other.test:80:" + address_of(host);
    EXPECT_EQ(on(lab(), "tre", stranger + " https://other.test/; echo \" $?\""), "000 35") << "no handshake";
    EXPECT_EQ(on(lab(), "tre", stranger + " http://other.test/; echo \" $?\""), "000 52") << "an empty answer";
  }
}

} // namespace tandem::lab
