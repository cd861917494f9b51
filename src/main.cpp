// Builds the real ports and hands them to the command line. Nothing else does.
int main() {
  return 0;
}
