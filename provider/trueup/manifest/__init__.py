"""YAML -> Declared, or every fault of every file at once as file:line:column.

The codes of faults are stable:

    E101 unknown key                    E120 no such file, or none that matches
    E102 missing key                    E121 not a regular file
    E103 wrong type                     E122 cannot be read
    E104 not one of the known values    E123 too large
    E105 wrong form, size or range      E124 not UTF-8 text
    E106 unknown apiVersion             E125 a link out of the folder
    E107 unknown kind                   E126 the folder of another set
    E108 not a mapping                  E130 declared twice
    E109 a name that cannot be one      E131 a reference to what is not declared
                                        E132 a reference to something of another kind
    E110 YAML syntax                    E133 a malformed id
    E111 duplicate key                  E134 a circle of references
    E112 a key that is no text          E135 two that claim one remote thing
    E113 read otherwise by YAML 1.1     E136 an unknown connection
         and 1.2
    E114 a tag                          E140 a literal secret
    E115 an anchor or an alias          E141 a malformed valueFrom
    E116 too deep or too large
    E117 a merge of no mapping          E150 a URL that cannot be used
    E118 no finite or exact number      E151 no credential, or two
                                        E152 a key that is declared elsewhere

`load` reads in one pass without keeping nodes or positions; a document that is not sound is looked at again,
thoroughly.
"""

from trueup.manifest.load import load, load_connections
from trueup.manifest.schema import manifest_schema
from trueup.manifest.values import Manifest

__all__ = ["Manifest", "load", "load_connections", "manifest_schema"]
