#include "engine/ledger/note.hpp"

#include <gtest/gtest.h>

#include "base/crypto.hpp"

namespace phx::engine {
namespace {

// The example of Go's sumdb/note, which the specification grew from.
constexpr std::string_view kGoKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr std::string_view kGoSecret = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
constexpr std::string_view kGoText =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";
constexpr std::string_view kGoNote =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\xE2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

std::string reason(const auto& result) { return result ? "ok" : result.error().reason(); }

TEST(Note, TheKnownExampleOpensAndIsSignedTheSame) {
  const auto key = VerifierKey::parse(kGoKey);
  ASSERT_TRUE(key) << key.error().to_string();
  EXPECT_EQ(key->text(), kGoKey);
  EXPECT_EQ(hex_encode(key->id()), "c74f20a3");
  const auto text = open_note(kGoNote, *key);
  ASSERT_TRUE(text) << text.error().to_string();
  EXPECT_EQ(*text, kGoText);
  const auto secret = base64_decode(kGoSecret);
  ASSERT_TRUE(secret);
  const SigningKey signing(secret->substr(1));
  EXPECT_EQ(signing.verifier("PeterNeumann").text(), kGoKey);
  EXPECT_EQ(signing.sign("PeterNeumann", kGoText), kGoNote);
}

TEST(Note, AnyChangedByteIsFound) {
  const auto key = VerifierKey::parse(kGoKey);
  ASSERT_TRUE(key);
  for (std::size_t i = 0; i < kGoNote.size(); ++i)
    for (const int bit : {1, 2, 32}) {
      std::string changed(kGoNote);
      changed[i] = static_cast<char>(changed[i] ^ bit);
      EXPECT_FALSE(open_note(changed, *key)) << "byte " << i;
    }
  for (std::size_t i = 0; i < kGoNote.size(); ++i) EXPECT_FALSE(open_note(kGoNote.substr(0, i), *key));
}

TEST(Note, ForeignSignaturesArePassedOverButNotAccepted) {
  const auto key = VerifierKey::parse(kGoKey);
  ASSERT_TRUE(key);
  const SigningKey witness(std::string(32, 'w'));
  const auto witnessed = witness.sign("witness.example/1", kGoText);
  const std::string both = std::string(kGoNote) + witnessed.substr(witnessed.find("\n\n") + 2);
  EXPECT_EQ(reason(open_note(both, *key)), "ok");
  EXPECT_EQ(reason(open_note(both, witness.verifier("witness.example/1"))), "ok");
  EXPECT_EQ(reason(open_note(witnessed, *key)), "note.other_key");
  EXPECT_EQ(reason(open_note(kGoNote, SigningKey(std::string(32, 'x')).verifier("PeterNeumann"))), "note.other_key");
  // The right name and key id over another text.
  std::string forged(kGoNote);
  forged[0] = 'i';
  EXPECT_EQ(reason(open_note(forged, *key)), "note.bad_signature");
}

TEST(Note, KeysThatAreNotOnesAreRefused) {
  for (const std::string_view text :
       {"", "PeterNeumann", "PeterNeumann+c74f20a3", "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n"})
    EXPECT_EQ(reason(VerifierKey::parse(text)), "note.key_malformed") << text;
}

TEST(Note, Base64HasOneSpelling) {
  EXPECT_EQ(base64_encode(""), "");
  EXPECT_EQ(base64_encode("f"), "Zg==");
  EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
  for (const std::string_view text : {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"})
    EXPECT_EQ(base64_encode(base64_decode(text).value_or("refused")), text);
  for (const std::string_view text : {"Zg", "Zg=", "Zh==", "Zg==\n", " Zg==", "Z===", "====", "=", "Zm9v!", "Zm-_"})
    EXPECT_FALSE(base64_decode(text)) << text;
}

TEST(Checkpoints, AreWrittenAndReadToTheSpecification) {
  const SigningKey signing(std::string(32, 'k'));
  const Checkpoint checkpoint{"example.com/behind-the-sofa", 20852163, sha256("root")};
  EXPECT_EQ(checkpoint.text(), "example.com/behind-the-sofa\n20852163\n" + base64_encode(sha256("root")) + "\n");
  const auto key = signing.verifier(checkpoint.origin);
  const auto opened = open_checkpoint(signing.sign(checkpoint.origin, checkpoint.text()), key);
  ASSERT_TRUE(opened) << opened.error().to_string();
  EXPECT_EQ(opened->origin, checkpoint.origin);
  EXPECT_EQ(opened->size, checkpoint.size);
  EXPECT_EQ(opened->root, checkpoint.root);
  const auto other = signing.sign(checkpoint.origin, Checkpoint{"example.com/other", 1, sha256("x")}.text());
  EXPECT_EQ(reason(open_checkpoint(other, key)), "checkpoint.other_origin");
}

TEST(Checkpoints, OtherTextsAreNone) {
  const std::string root = base64_encode(sha256("root"));
  for (const std::string& text :
       {std::string(), std::string("a\n1\n"), "a\n01\n" + root + "\n", "a\n-1\n" + root + "\n", "\n1\n" + root + "\n",
        "a\n1\n" + root, "a\n1\n" + root + "\n\n", "a\n1\n" + root.substr(4) + "\n",
        "a\n18446744073709551616\n" + root + "\n", "a\n1 \n" + root + "\n"})
    EXPECT_EQ(reason(Checkpoint::parse(text)), "checkpoint.malformed") << text;
}

}  // namespace
}  // namespace phx::engine
