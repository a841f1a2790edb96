import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: "schema.generated.graphql",
  documents: ["src/graphql/*.graphql"],
  generates: {
    "src/gql/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: "string",
        useTypeImports: true,
        enumsAsTypes: true,
        skipTypename: true,
        defaultScalarType: "unknown",
        scalars: { DateTime: "string", JSON: "unknown" },
      },
    },
  },
};

export default config;
