// sshd's keys on their way from the primary to the others.
#include "agent/host_keys.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace tandem::agent {

TEST(HostKeys, ComeAsTheyWereSent) {
  const auto keys =
      host_keys_of({{"/etc/ssh/ssh_host_ed25519_key", "c2VjcmV0"}, {"/etc/ssh/ssh_host_ed25519_key.pub", "b3Blbg=="}});
  ASSERT_TRUE(keys);
  EXPECT_EQ(*keys, (std::map<std::string, std::string>{{"/etc/ssh/ssh_host_ed25519_key", "secret"},
                                                       {"/etc/ssh/ssh_host_ed25519_key.pub", "open"}}));
  EXPECT_TRUE(host_keys_of(peer::Json::object())->empty());
}

TEST(HostKeys, NoOtherFileIsWrittenByThem) {
  for (const auto* path :
       {"/etc/ssh/sshd_config", "/etc/ssh/ssh_host_../../shadow_key", "/etc/ssh/ssh_host_rsa_key.bak", "/etc/shadow",
        "/etc/ssh/ssh_host__key", "ssh_host_rsa_key", "/etc/ssh/ssh_host_rsa"})
    EXPECT_FALSE(host_keys_of({{path, "c2VjcmV0"}})) << path;
  EXPECT_FALSE(host_keys_of({{"/etc/ssh/ssh_host_rsa_key", "no base64"}}));
}

} // namespace tandem::agent
