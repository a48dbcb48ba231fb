"""
Moves letters by the whole alphabet, there and back.

A file with an app: Julia precompiles it like a package of its own, and the package is one of its dependencies.
"""
module Rot26

using Rot13: translate

main(arguments) = translate(arguments, 26)

@static isdefined(Base, Symbol("@main")) && @main

end
