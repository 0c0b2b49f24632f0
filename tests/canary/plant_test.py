#!/usr/bin/env python3
"""A bug whose old text is gone, or is no longer unique, must end the build."""
import os
import tempfile
import unittest

import plant

SOURCE = "int f() {\n  if (a < b) return 1;\n  return 2;\n}\n"


class PlantTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        plant.write(os.path.join(self.folder.name, "src/x.cc"), SOURCE)

    def tearDown(self):
        self.folder.cleanup()

    def planted(self, *bugs, source="x.cc"):
        for number, text in enumerate(bugs):
            plant.write(os.path.join(self.folder.name, f"bugs/b{number}.bug"), f"bug: wrong\n@@ {source}\n{text}\n")
        loaded = plant.load(os.path.join(self.folder.name, "bugs"))
        return plant.planted(loaded, os.path.join(self.folder.name, "src"), source)

    def refuses(self, words, *bugs, source="x.cc"):
        with self.assertRaisesRegex(plant.Bad, words):
            self.planted(*bugs, source=source)

    def test_both_bugs_stand_in_the_copy_behind_their_switches(self):
        copy = self.planted("-a < b\n+a < b || PLANTED", "-  return 2;\n+  return PLANTED ? 3 : 2;")
        self.assertEqual(copy.count("planted::is_on(0x"), 2)
        self.assertIn("  if (a < b || (::torc::planted::is_on(0x", copy)

    def test_old_text_that_is_gone_is_refused(self):
        self.refuses("stands 0 times", "-a > b\n+PLANTED")

    def test_old_text_that_stands_twice_is_refused(self):
        self.refuses("stands 2 times", "-return\n+PLANTED")

    def test_bugs_that_overlap_are_refused(self):
        self.refuses("overlaps", "-a < b\n+PLANTED", "-b) return 1\n+PLANTED")

    def test_a_bug_that_cannot_be_switched_off_is_refused(self):
        self.refuses("PLANTED in the new", "-a < b\n+a > b")

    def test_headers_are_refused(self):
        self.refuses("only .cc", "-a\n+PLANTED", source="x.h")


if __name__ == "__main__":
    unittest.main()
